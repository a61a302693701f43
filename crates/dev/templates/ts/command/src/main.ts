import { getStdin } from "wasi:cli/stdin@0.2.10";
import { getStdout } from "wasi:cli/stdout@0.2.10";

export const run = {
  run(): void {
    const text = new TextDecoder().decode(readAll(getStdin()));
    const lines = text.split("\n").length - 1;
    const words = text.split(/\s+/).filter(Boolean).length;
    const answer = `${lines} lines, ${words} words\n`;
    getStdout().blockingWriteAndFlush(new TextEncoder().encode(answer));
  },
};

function readAll(stream: ReturnType<typeof getStdin>): Uint8Array {
  const bytes: number[] = [];
  for (;;) {
    try {
      bytes.push(...stream.blockingRead(65536n));
    } catch (error) {
      const { payload } = error as { payload?: { tag: string } };
      if (payload?.tag === "closed") return new Uint8Array(bytes);
      throw error;
    }
  }
}
