/**
 * The library: boxes find each other, and the programs on them call each other.
 *
 * Discovery ends with an address; messaging starts with one. Neither knows of the other. For a first
 * program there are functions that work by themselves: {@linkcode sendMessage},
 * {@linkcode waitForMessage}, {@linkcode sendCommand}, {@linkcode waitForCommand},
 * {@linkcode publishNews}, {@linkcode waitForNews}. For more there are connections:
 * {@linkcode listen}, {@linkcode connect}, {@linkcode connectGroup}.
 *
 * @example Two programs
 * ```ts
 * import { hangUp, sendMessage, waitForMessage } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * // One waits at an address of its machine …
 * const address = "127.0.0.1:27000";
 * const waiting = waitForMessage(address).then((it) => it.reply(`Hello, ${it.message}`));
 *
 * // … the other sends.
 * assertEquals(await sendMessage(address, "World"), "Hello, World");
 *
 * await waiting;
 * await hangUp();
 * ```
 *
 * @module
 */

export {
  AdvertError,
  advertise,
  type AdvertiseOptions,
  type AdvertOptions,
  discover,
  discoverAll,
  type DiscoverOptions,
  type InterfaceOptions,
  NameTakenError,
  type Service,
  type ServiceEvent,
  unadvertise,
  watch,
} from "./discovery/mod.ts";
export {
  type Command,
  hangUp,
  type HeardNews,
  publishNews,
  type Request,
  sendCommand,
  sendMessage,
  sendReply,
  waitForCommand,
  waitForMessage,
  waitForNews,
} from "./messaging/simple.ts";
export type { EndlessOptions, WaitOptions } from "./messaging/patience.ts";
export type { Address } from "./messaging/address.ts";
export { AskError, ConnectionError, Refusal } from "./messaging/ask_error.ts";
export {
  anything,
  type Check,
  type Checked,
  defineMessage,
  list,
  type MessageType,
  type MessageTypeOptions,
  nothing,
  number,
  optional,
  shape,
  text,
  truth,
} from "./messaging/message_type.ts";
export {
  type AskOptions,
  handle,
  type Handler,
  type HandlerFunction,
  type Message,
  type News,
  type Session,
  type SessionClass,
  type SessionMaker,
  type SessionOptions,
} from "./messaging/session.ts";
export type { SessionEvent } from "./messaging/session_event.ts";
export { Stream, type StreamOptions } from "./messaging/stream.ts";
export { connect, type ConnectOptions } from "./messaging/connect.ts";
export { listen, type Listener, type ListenOptions } from "./messaging/listen.ts";
export type {
  RawConnectOptions,
  RawForm,
  RawListener,
  RawListenOptions,
  RawOptions,
  RawSession,
} from "./messaging/raw.ts";
export {
  type AllMembers,
  connectGroup,
  type Group,
  type GroupEntry,
  type GroupEvent,
  type GroupOptions,
  type ListenEntry,
  type Member,
  type Members,
} from "./messaging/group.ts";
export { notifications, type NotificationsOptions } from "./messaging/notifications.ts";
export type { Notified } from "./client/notify/notification.ts";
export { type EncryptionOptions, type FailureCode, SecurityError } from "./messaging/encryption.ts";
export { AddressError } from "./net/address.ts";
export { LocalFault } from "./wire/errors.ts";
