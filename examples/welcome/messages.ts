/** The messages that the programs here send each other. Both sides use this file. */

import { defineMessage, shape, text } from "../../lib/mod.ts";

/** The answer: who is welcome, and by whom. */
export const welcome = shape({ yourName: text, myName: text });

/** Somebody says who they are. */
export const Hello = defineMessage("hello", shape({ myName: text }), { reply: welcome });

/** Where the server listens, in all these programs. */
export const ADDRESS: string = Deno.args[0] ?? "127.0.0.1:32011";
