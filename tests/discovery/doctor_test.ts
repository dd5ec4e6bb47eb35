import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { type Cause, diagnose, type Finding } from "../../lib/discovery/doctor.ts";
import type { DoctorFacts, HeardFacts, InterfaceFacts } from "../../lib/discovery/doctor_facts.ts";

const RETURNED = { is: "returned" } as const;
const LOST = { is: "lost" } as const;

const lo: InterfaceFacts = {
  name: "lo",
  address: "127.0.0.1",
  prefix: 8,
  isLoopback: true,
  multicast: RETURNED,
  broadcast: RETURNED,
};
const eth0: InterfaceFacts = {
  name: "eth0",
  address: "10.1.0.7",
  prefix: 24,
  isLoopback: false,
  multicast: RETURNED,
  broadcast: RETURNED,
};
const kitchen: HeardFacts = {
  name: "kitchen",
  kind: "talker",
  id: "1111111111111111",
  addresses: [{ host: "10.1.0.9", port: 8889 }],
  from: "10.1.0.9",
  isLocal: false,
  answered: true,
  via: "talker",
};

/** A machine on which all is well, but for what is given. */
function facts(some: Partial<DoctorFacts> = {}): DoctorFacts {
  return {
    listenedMs: 4000,
    interfaces: [lo, eth0],
    port: { port: 28_889, state: "ours" },
    networkzero: { port: 9999, state: "ours" },
    heard: [kitchen],
    tries: [],
    malformed: 0,
    ...some,
  };
}

/** The sentences of one cause; there must be some. */
function said(some: Partial<DoctorFacts>, cause: Cause): Finding[] {
  const findings = diagnose(facts(some));
  const those = findings.filter((finding) => finding.cause === cause);
  assertEquals(those.length > 0, true, `${cause}: ${findings.map(({ text }) => text).join("\n")}`);
  return those;
}

function causes(some: Partial<DoctorFacts>): Cause[] {
  return diagnose(facts(some)).map(({ cause }) => cause);
}

Deno.test("doctor: where all is well it says so, and nothing else", () => {
  const findings = diagnose(facts());
  assertEquals(findings.map(({ cause, weight }) => [cause, weight]), [["healthy", "fine"]]);
});

Deno.test("doctor: a name that is there and accepts connections is found", () => {
  const tries = [{ address: { host: "10.1.0.9", port: 8889 } }];
  assertEquals(causes({ name: "kitchen", tries }), ["found", "healthy"]);
});

Deno.test("doctor: no interface at all", () => {
  assertEquals(causes({ interfaces: [], heard: [] }), ["no-interface"]);
  const [finding] = said({ interfaces: [], heard: [] }, "no-interface");
  assertMatch(finding?.text ?? "", /no usable interface, not even its loopback/);
});

Deno.test("doctor: only the loopback interface", () => {
  const [finding] = said({ interfaces: [lo] }, "only-loopback");
  assertEquals(finding?.weight, "problem");
  assertMatch(finding?.text ?? "", /no usable interface but its loopback one/);
});

Deno.test("doctor: an interface that isn't used, by --interface", () => {
  const { multicast: _m, broadcast: _b, ...unused } = eth0;
  const [finding] = said({ interfaces: [lo, unused], heard: [] }, "interface-unused");
  assertMatch(finding?.text ?? "", /^Only lo is used, .* eth0 \(10\.1\.0\.7\/24\) is not heard\.$/);
  // What isn't used needs no lo: nobody left that out.
  const { multicast: _n, broadcast: _c, ...without } = lo;
  assertEquals(causes({ interfaces: [without, eth0] }), ["healthy"]);
});

Deno.test("doctor: the port is held by a program that doesn't share it", () => {
  const port = { port: 28_889, state: "taken", holder: "python3, process 12" } as const;
  const some = { port, heard: [], interfaces: [lo, { ...eth0, multicast: LOST, broadcast: LOST }] };
  const [finding] = said(some, "port-taken");
  assertMatch(
    finding?.text ?? "",
    /^UDP port 28889 is held by another program \(python3, process 12\)/,
  );
  // What follows from it is not told as a cause of its own.
  assertEquals(causes(some), ["port-taken"]);
  const unknown = said({ ...some, port: { port: 28_889, state: "taken" } }, "port-taken")[0];
  assertMatch(unknown?.text ?? "", /another program that doesn't share it/);
});

Deno.test("doctor: the system doesn't give the port", () => {
  const port = { port: 28_889, state: "refused", reason: "permission denied" } as const;
  assertMatch(said({ port, heard: [] }, "port-refused")[0]?.text ?? "", /28889: permission denied/);
});

Deno.test("doctor: nothing comes back: the port is blocked", () => {
  const blocked = { ...eth0, multicast: LOST, broadcast: LOST };
  const [finding] = said({ interfaces: [lo, blocked], heard: [] }, "port-blocked");
  assertMatch(finding?.text ?? "", /eth0 \(10\.1\.0\.7\/24\) does not come back.*28889 is blocked/);
  const down = { ...lo, multicast: LOST, broadcast: LOST };
  assertMatch(
    said({ interfaces: [down, eth0] }, "port-blocked")[0]?.text ?? "",
    /lo \(127\.0\.0\.1\/8\) does not come back.* it is down \(ip link set lo up\)/,
  );
});

Deno.test("doctor: nothing can be sent", () => {
  const failed = { is: "failed", reason: "the network is unreachable" } as const;
  const some = { interfaces: [lo, { ...eth0, multicast: failed, broadcast: failed }], heard: [] };
  assertMatch(
    said(some, "cannot-send")[0]?.text ?? "",
    /^Nothing can be sent on eth0 \(10\.1\.0\.7\/24\): the network is unreachable/,
  );
});

Deno.test("doctor: one of multicast and broadcast is enough, and the other is told", () => {
  const [multicast] = said({ interfaces: [{ ...eth0, multicast: LOST }] }, "multicast-lost");
  assertEquals(multicast?.weight, "note");
  assertMatch(multicast?.text ?? "", /^Multicast does not come back on eth0, broadcast comes back/);
  const failed = { is: "failed", reason: "permission denied" } as const;
  const [broadcast] = said({ interfaces: [{ ...eth0, broadcast: failed }] }, "broadcast-lost");
  assertMatch(broadcast?.text ?? "", /^Broadcast can't be sent \(permission denied\) on eth0/);
  assertEquals(causes({ interfaces: [{ ...eth0, multicast: LOST }] }).at(-1), "healthy");
});

Deno.test("doctor: heard from another subnet", () => {
  const there = { ...kitchen, from: "10.2.0.9", addresses: [{ host: "10.2.0.9", port: 8889 }] };
  const [finding] = said({ heard: [there], name: "kitchen" }, "other-subnet");
  assertMatch(
    finding?.text ?? "",
    /^kitchen is heard from 10\.2\.0\.9 and offers 10\.2\.0\.9:8889, .* eth0 \(10\.1\.0\.7\/24\)/,
  );
  // With a route it doesn't matter.
  const tries = [{ address: { host: "10.2.0.9", port: 8889 } }];
  assertEquals(causes({ heard: [there], name: "kitchen", tries }), ["found", "healthy"]);
  // One address of ours is enough.
  const addresses = [...there.addresses, ...kitchen.addresses];
  assertEquals(causes({ heard: [{ ...there, addresses }] }), ["healthy"]);
});

Deno.test("doctor: heard, but without an address", () => {
  const [finding] = said({ heard: [{ ...kitchen, addresses: [] }] }, "no-address");
  assertMatch(finding?.text ?? "", /^kitchen is heard from 10\.1\.0\.9, but offers no address/);
  const foreign = { ...kitchen, addresses: [], from: "10.2.0.9" };
  assertEquals(causes({ heard: [foreign], name: "kitchen" }), ["no-address"]);
});

Deno.test("doctor: a subnet is what its prefix says", () => {
  const at = (host: string) => ({ ...kitchen, from: host, addresses: [{ host, port: 1 }] });
  const wide = { ...eth0, prefix: 16 };
  assertEquals(causes({ interfaces: [wide], heard: [at("10.1.255.1")] }), ["healthy"]);
  assertEquals(causes({ interfaces: [wide], heard: [at("10.2.0.1")] }), ["other-subnet"]);
  const narrow = { ...eth0, prefix: 32 };
  assertEquals(causes({ interfaces: [narrow], heard: [at("10.1.0.8")] }), ["other-subnet"]);
  const all = { ...eth0, prefix: 0 };
  assertEquals(causes({ interfaces: [all], heard: [at("203.0.113.1")] }), ["healthy"]);
});

Deno.test("doctor: one-way: we hear them, they don't hear us", () => {
  const deaf = { ...kitchen, answered: false };
  const [finding] = said({ heard: [deaf] }, "one-way");
  assertMatch(finding?.text ?? "", /^kitchen \(10\.1\.0\.9\) is heard here but did not answer/);
  assertMatch(said({ heard: [{ ...deaf, isLocal: true }] }, "one-way")[0]?.text ?? "", /this very/);
  // networkzero never answers, and is no cause.
  const zero = { ...kitchen, answered: undefined, via: "networkzero" } as const;
  assertEquals(causes({ heard: [zero] }), ["healthy"]);
});

Deno.test("doctor: two programs with one name", () => {
  const other = {
    ...kitchen,
    id: "2222222222222222",
    addresses: [{ host: "10.1.0.11", port: 8889 }],
  };
  const [finding] = said({ heard: [kitchen, other], name: "kitchen" }, "name-clash");
  assertMatch(
    finding?.text ?? "",
    /kitchen is advertised by 2 programs, at 10\.1\.0\.9:8889 and 10/,
  );
  // The same program twice, or also by networkzero, is no clash.
  const zero = { ...other, via: "networkzero" } as const;
  assertEquals(causes({ heard: [kitchen, kitchen, zero] }), ["healthy"]);
  // Another's clash is not the cause when one name is asked for.
  const attic = { ...kitchen, name: "attic" };
  assertEquals(causes({ heard: [kitchen, other, attic], name: "attic" }), ["healthy"]);
});

Deno.test("doctor: nobody advertises the name", () => {
  const heard = [kitchen, { ...kitchen, name: "attic", id: "2" }];
  const [finding] = said({ heard, name: "kitchne" }, "not-advertised");
  assertMatch(
    finding?.text ?? "",
    /^Nobody who was heard within 4 s advertises kitchne; heard were attic and kitchen, the nearest being kitchen\.$/,
  );
});

Deno.test("doctor: nobody is heard", () => {
  const text = (some: Partial<DoctorFacts>) => said(some, "nobody-heard")[0]?.text ?? "";
  assertMatch(
    text({ heard: [] }),
    /^Nobody was heard within 4 s: no other box advertises anything/,
  );
  assertMatch(text({ heard: [], interfaces: [lo] }), /no other program on this machine/);
  // Where there is no way to others that is the cause, and this follows.
  const blocked = { ...eth0, multicast: LOST, broadcast: LOST };
  assertEquals(causes({ heard: [], interfaces: [lo, blocked] }), ["port-blocked"]);
});

Deno.test("doctor: the name is there, and accepts no connection", () => {
  const tries = [{ address: { host: "10.1.0.9", port: 8889 }, refusal: "connection refused" }];
  assertMatch(
    said({ name: "kitchen", tries }, "not-accepting")[0]?.text ?? "",
    /^kitchen is found, but no connection can be made to 10\.1\.0\.9:8889 \(connection refused\)/,
  );
});

Deno.test("doctor: networkzero's port is taken; that is no problem of ours", () => {
  const networkzero = { port: 9999, state: "taken" } as const;
  const [finding] = said({ networkzero }, "networkzero-port-taken");
  assertEquals(finding?.weight, "note");
  assertEquals(causes({ networkzero }).at(-1), "healthy");
});

Deno.test("doctor: strange datagrams are told", () => {
  assertMatch(
    said({ malformed: 17 }, "malformed")[0]?.text ?? "",
    /^17 datagrams at UDP port 28889/,
  );
});

Deno.test("doctor: whatever the facts, there are whole sentences, and not endless ones", () => {
  const echo = fc.constantFrom(RETURNED, LOST, { is: "failed", reason: "no" } as const, undefined);
  const one = fc.record({
    name: fc.constantFrom("lo", "eth0", "wlan0"),
    address: fc.ipV4(),
    prefix: fc.integer({ min: 0, max: 32 }),
    isLoopback: fc.boolean(),
    multicast: echo,
    broadcast: echo,
  }).map(({ multicast, broadcast, ...rest }): InterfaceFacts => ({
    ...rest,
    ...(multicast && { multicast }),
    ...(broadcast && { broadcast }),
  }));
  const address = fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.nat(65_535) });
  const heard = fc.record({
    name: fc.constantFrom("kitchen", "attic", "robot/arm"),
    kind: fc.constantFrom("talker", "service"),
    id: fc.constantFrom("1", "2", "3"),
    addresses: fc.array(address, { maxLength: 3 }),
    from: fc.ipV4(),
    isLocal: fc.boolean(),
    answered: fc.constantFrom(true, false, undefined),
    via: fc.constantFrom("talker", "networkzero"),
  }) as fc.Arbitrary<HeardFacts>;
  const any = fc.record({
    name: fc.constantFrom(undefined, "kitchen", "cellar"),
    listenedMs: fc.nat(10_000),
    interfaces: fc.array(one, { maxLength: 3 }),
    port: fc.record({
      port: fc.constant(28_889),
      state: fc.constantFrom("ours", "taken", "refused"),
    }),
    networkzero: fc.record({ port: fc.constant(9999), state: fc.constantFrom("ours", "taken") }),
    heard: fc.array(heard, { maxLength: 40 }),
    tries: fc.array(fc.record({ address, refusal: fc.constantFrom(undefined, "no") }), {
      maxLength: 3,
    }),
    malformed: fc.nat(3),
  }) as fc.Arbitrary<DoctorFacts>;
  fc.assert(fc.property(any, (some) => {
    const findings = diagnose(some);
    assertEquals(findings.length > 0, true);
    for (const { text } of findings) {
      assertMatch(text, /^\S.*\.$/);
      assertEquals(/undefined|null|\[object|NaN| {2}|Infinity/.test(text), false, text);
      assertEquals(text.length < 1000, true, text);
    }
    const isWell = findings.every(({ weight }) => weight !== "problem");
    assertEquals(findings.some(({ cause }) => cause === "healthy"), isWell);
  }));
});
