declare module "wasi:cli/stdin@0.2.10" {
  /** Reads at most `length` bytes; throws `{ payload: { tag: "closed" } }` at the end. */
  export function getStdin(): { blockingRead(length: bigint): Uint8Array };
}

declare module "wasi:cli/stdout@0.2.10" {
  export function getStdout(): { blockingWriteAndFlush(contents: Uint8Array): void };
}
