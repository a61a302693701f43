//! A web function as a CGI program (RFC 3875): the request comes in variables and on standard input,
//! the answer goes to standard output, a header, an empty line and a body.

const std = @import("std");

pub fn main(init: std.process.Init) !void {
    const path = init.environ_map.get("PATH_INFO") orelse "/";
    const name = std.mem.trim(u8, path, "/");

    var buffer: [1024]u8 = undefined;
    var stdout: std.Io.File.Writer = .init(.stdout(), init.io, &buffer);
    const out = &stdout.interface;
    try out.writeAll("Content-Type: text/plain; charset=utf-8\r\n\r\n");
    try out.print("Hello, {s}!\n", .{if (name.len == 0) "world" else name});
    try out.flush();
}
