/** The version of talker, as `talker --version` prints it. A test holds it equal to deno.json's. */
export const VERSION = "0.1.0";
