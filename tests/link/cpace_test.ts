import { assertEquals } from "@std/assert";
import { concat, lengthPrefixed } from "../../lib/link/secure/bytes.ts";
import { commonKey, generator, share } from "../../lib/link/secure/cpace.ts";
import { loadSodium } from "../../lib/link/secure/sodium.ts";
import { encodeText } from "../../lib/wire/text.ts";

const sodium = await loadSodium();
const hex = (text: string) => sodium.from_hex(text);

// The vectors of draft-irtf-cfrg-cpace for ristretto255 and SHA-512.
const INPUT = {
  password: encodeText("Password"),
  channel: hex("0b415f696e69746961746f720b425f726573706f6e646572"),
  session: hex("7e4b4791d6a8ef019b936c79fb7f2c57"),
};
const A = hex("da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08");
const B = hex("d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d");
const SHARE_A = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157";
const SHARE_B = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258";
const KEY = "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd" +
  "2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447";
const TRANSCRIPT = {
  initiator: hex(SHARE_A),
  initiatorData: encodeText("ADa"),
  responder: hex(SHARE_B),
  responderData: encodeText("ADb"),
};

Deno.test("cpace: lists of bytes, as in the draft", () => {
  const list = ["1234", "5", "", "678"].map(encodeText);
  assertEquals(sodium.to_hex(lengthPrefixed(...list)), "043132333401350003363738");
  const long = lengthPrefixed(new Uint8Array(128));
  assertEquals([...long.subarray(0, 3)], [0x80, 0x01, 0]);
  assertEquals(concat(), new Uint8Array(0));
});

Deno.test("cpace: the draft's generator, elements and key", () => {
  assertEquals(
    sodium.to_hex(generator(sodium, INPUT)),
    "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56",
  );
  assertEquals(sodium.to_hex(share(sodium, A, INPUT)), SHARE_A);
  assertEquals(sodium.to_hex(share(sodium, B, INPUT)), SHARE_B);
  const { session } = INPUT;
  const ours = commonKey(sodium, { scalar: A, received: hex(SHARE_B), session }, TRANSCRIPT);
  const theirs = commonKey(sodium, { scalar: B, received: hex(SHARE_A), session }, TRANSCRIPT);
  assertEquals(sodium.to_hex(ours!), KEY);
  assertEquals(sodium.to_hex(theirs!), KEY);
});

Deno.test("cpace: another password, channel or session gives another element", () => {
  const shares = [
    INPUT,
    { ...INPUT, password: encodeText("password") },
    { ...INPUT, channel: encodeText("x") },
    { ...INPUT, session: encodeText("x") },
  ].map((input) => sodium.to_hex(share(sodium, A, input)));
  assertEquals(new Set(shares).size, 4);
});

Deno.test("cpace: what is no element, or the neutral one, gives no key", () => {
  const wrong = [
    "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
    "00".repeat(32),
    "ff".repeat(32),
  ];
  for (const received of wrong) {
    const own = { scalar: A, received: hex(received), session: INPUT.session };
    assertEquals(commonKey(sodium, own, TRANSCRIPT), undefined, received);
  }
});
