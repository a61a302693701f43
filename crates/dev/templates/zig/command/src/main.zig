const std = @import("std");

pub fn main(init: std.process.Init) !void {
    var input: [4096]u8 = undefined;
    var stdin: std.Io.File.Reader = .init(.stdin(), init.io, &input);
    var lines: usize = 0;
    var words: usize = 0;
    var in_word = false;
    while (stdin.interface.takeByte()) |byte| {
        const space = std.ascii.isWhitespace(byte);
        lines += @intFromBool(byte == '\n');
        words += @intFromBool(!space and !in_word);
        in_word = !space;
    } else |err| if (err != error.EndOfStream) return err;

    var buffer: [1024]u8 = undefined;
    var stdout: std.Io.File.Writer = .init(.stdout(), init.io, &buffer);
    const out = &stdout.interface;
    try out.print("{d} lines, {d} words\n", .{ lines, words });
    try out.flush();
}
