//! The payload comes on standard input, the attributes of the event (CloudEvents) as CE_* variables.

const std = @import("std");

pub fn main(init: std.process.Init) !void {
    const subject = init.environ_map.get("CE_SUBJECT") orelse "unknown";

    var input: [1024]u8 = undefined;
    var stdin: std.Io.File.Reader = .init(.stdin(), init.io, &input);
    const payload = try stdin.interface.allocRemaining(init.arena.allocator(), .limited(64 * 1024));
    // An error ends the program with exit code 1: the event was not handled.
    const celsius = try std.fmt.parseFloat(f64, std.mem.trim(u8, payload, " \r\n"));

    var buffer: [1024]u8 = undefined;
    var stdout: std.Io.File.Writer = .init(.stdout(), init.io, &buffer);
    const out = &stdout.interface;
    try out.print("{s}: {d:.1} °C\n", .{ subject, celsius });
    try out.flush();
}
