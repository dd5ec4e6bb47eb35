import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { nickColour, render, renderCommand, renderPrompt } from "../../lib/client/render.ts";
import { plainText } from "../../lib/client/plain.ts";
import { parseRecord } from "../../lib/client/record.ts";
import type { Shown } from "../../lib/client/shown.ts";
import { ClientRig } from "../support/client_rig.ts";

const NOW = new Date(2026, 0, 2, 15, 4, 5).getTime();
const plain = { colours: false, now: NOW };
const colours = { colours: true, now: NOW };

function said(more: Partial<Extract<Shown, { kind: "said" }>> = {}, record = {}): Shown {
  const time = new Date(NOW - 60_000).toISOString();
  const event = parseRecord(
    JSON.stringify({ type: "speech", nick: "bob", text: "hi", time, ...record }),
  );
  if (event?.type !== "speech" && event?.type !== "action") throw new Error("no speech");
  return { kind: "said", event, own: false, mention: false, past: false, ...more };
}

Deno.test("render: time, mark, nick and text", () => {
  assertEquals(render(said(), plain), ["15:03   bob: hi"]);
  assertEquals(render(said({ own: true }), plain), ["15:03 › bob: hi"]);
  assertEquals(render(said({ mention: true }), plain), ["15:03 ! bob: hi"]);
  assertEquals(render(said({}, { type: "action" }), plain), ["15:03   * bob hi"]);
  assertEquals(render(said({}, { text: "a\tb" }), plain), ["15:03   bob: a    b"]);
  assertEquals(render({ kind: "status", text: "Lost" }, plain), ["15:04 - Lost"]);
  assertEquals(
    render({ kind: "failed", text: "No", tag: undefined, raw: undefined }, plain),
    ["No"],
  );
  assertEquals(renderCommand("/who", plain), "> /who");
  assertEquals(renderPrompt("", false, plain).plain, "(offline)> ");
  assertEquals(renderPrompt("ann", false, plain), {
    text: "ann (offline)> ",
    plain: "ann (offline)> ",
  });
});

Deno.test("render: another day has its date, no time is now", () => {
  const old = new Date(2025, 11, 31, 23, 59).toISOString();
  assertEquals(render(said({}, { time: old }), plain), ["2025-12-31 23:59   bob: hi"]);
  assertEquals(render(said({}, { time: undefined }), plain), ["15:04   bob: hi"]);
});

Deno.test("render: colours are a nick's own, and gone where they are not wanted", () => {
  const [line = ""] = render(said(), colours);
  assert(line.includes(`\u001b[${nickColour("bob")}mbob\u001b[0m`));
  assertEquals(nickColour("Bob"), nickColour("bob"));
  const many = new Set(Array.from({ length: 100 }, (_, i) => nickColour(`nick${i}`)));
  assert(many.size >= 8, "they are spread");
});

Deno.test("render: a notification is told as the server tells it to a plain client", () => {
  const time = new Date(NOW - 60_000).toISOString();
  const event = parseRecord(
    JSON.stringify({ type: "notify", id: "k.1.2", topic: "door/front", text: "x\u001b[2J", time }),
  );
  if (event?.type !== "notify") throw new Error("no notification");
  const shown: Shown = { kind: "notify", event };
  const line = "NOTIFY k.1.2 door/front x\ufffd[2J";
  assertEquals(render(shown, plain), [`15:03 ! ${line}`]);
  assertEquals(plainText(shown), { out: line });
});

Deno.test("render: whatever a server sends, nothing but text and colours reaches a terminal", () => {
  // deno-lint-ignore no-control-regex
  const safe = /^(?:[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]|\u001b\[[0-9;]*m)*$/;
  const text = fc.string({ unit: "binary" });
  const record = fc.record({
    type: fc.constantFrom(
      "speech",
      "action",
      "whisper",
      "joined",
      "left",
      "renamed",
      "notice",
      "error",
      "welcome",
      "notify",
      "other",
    ),
    topic: fc.constantFrom("hits", "door/front", "no topic"),
    nick: text,
    server: text,
    old: text,
    nicks: fc.array(text),
    count: fc.nat(),
    text,
    id: fc.oneof(fc.constant("k.1.2"), text),
    time: text,
    code: text,
  });
  fc.assert(fc.property(fc.array(record), fc.boolean(), (records, interactive) => {
    const rig = new ClientRig({ interactive }).ready();
    rig.receive(...records);
    for (const shown of rig.shown) {
      for (const line of render(shown, colours)) assertMatch(line, safe);
      const { out = "", err = "" } = plainText(shown);
      assertMatch((out + err).replaceAll("\t", ""), safe);
    }
  }));
});

Deno.test("render: answers to commands and lines of a history", () => {
  const reply = (more: object) => {
    const event = parseRecord(JSON.stringify({ type: "reply", text: "x", ...more }));
    if (event?.type !== "reply") throw new Error("no reply");
    return { kind: "reply", event, tag: undefined } as const;
  };
  assertEquals(render(reply({}), plain), ["x"]);
  assertEquals(render({ ...reply({}), tag: "t" }, plain), ["@t x"]);
  const time = new Date(NOW).toISOString();
  const line = { time, nick: "bob", kind: "action", said: "waves", id: "a.1" };
  assertEquals(render(reply(line), plain), ["15:04   * bob waves"]);
});
