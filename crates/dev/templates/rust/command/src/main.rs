use std::io;

fn main() -> io::Result<()> {
    let mut lines = 0;
    let mut words = 0;
    for line in io::stdin().lines() {
        lines += 1;
        words += line?.split_whitespace().count();
    }
    println!("{lines} lines, {words} words");
    Ok(())
}
