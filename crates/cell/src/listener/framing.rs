//! Finds requests that announce two lengths at once, the root of request smuggling (RFC 9112, section 11.2).
//!
//! The HTTP library treats such a request by its chunks alone, drops the other length and closes the connection, so
//! nothing is ever read twice. But it does not say so, and the honest answer is 400: so the raw head is looked at
//! here, line by line, as it arrives.

/// Which of the two lengths the current head has announced.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    /// The first bytes of the line that is being read, lower case.
    line: [u8; LONGEST],
    length: usize,
    state: State,
    content_length: bool,
    transfer_encoding: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// At the start of a line, or within a name that may be one of the two.
    #[default]
    Name,
    /// In a line whose rest does not matter.
    Rest,
    /// The head is over.
    Done,
}

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const LONGEST: usize = TRANSFER_ENCODING.len();

impl HeadScan {
    /// Whether the head that was read announced a length in both ways.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.content_length && self.transfer_encoding
    }

    /// Expects the head of another request.
    pub(crate) fn restart(&mut self) {
        *self = HeadScan::default();
    }

    /// Looks at more bytes of the head; what follows the head is not looked at.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while self.state != State::Done && !bytes.is_empty() {
            bytes = match self.state {
                State::Rest => self.skip_line(bytes),
                _ => self.name_byte(bytes),
            };
        }
    }

    fn skip_line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match memchr::memchr(b'\n', bytes) {
            Some(end) => {
                (self.state, self.length) = (State::Name, 0);
                &bytes[end + 1..]
            }
            None => &[],
        }
    }

    fn name_byte<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match bytes[0].to_ascii_lowercase() {
            b'\r' => {}
            b'\n' if self.length == 0 => self.state = State::Done,
            b':' => self.end_name(),
            byte if self.may_continue(byte) => {
                self.line[self.length] = byte;
                self.length += 1;
            }
            b'\n' => self.length = 0,
            _ => self.state = State::Rest,
        }
        &bytes[1..]
    }

    fn may_continue(&self, byte: u8) -> bool {
        let expected =
            |name: &[u8]| name.get(self.length) == Some(&byte) && name.starts_with(&self.line[..self.length]);
        expected(CONTENT_LENGTH) || expected(TRANSFER_ENCODING)
    }

    fn end_name(&mut self) {
        let name = &self.line[..self.length];
        self.content_length |= name == CONTENT_LENGTH;
        self.transfer_encoding |= name == TRANSFER_ENCODING;
        self.state = State::Rest;
    }
}

#[cfg(test)]
mod tests {
    use super::HeadScan;

    fn ambiguous(head: &str) -> bool {
        let mut whole = HeadScan::default();
        whole.feed(head.as_bytes());
        let mut bytewise = HeadScan::default();
        head.as_bytes().chunks(1).for_each(|byte| bytewise.feed(byte));
        assert_eq!(whole.is_ambiguous(), bytewise.is_ambiguous(), "{head:?}");
        whole.is_ambiguous()
    }

    #[test]
    fn two_lengths_are_found_in_any_order_case_and_split() {
        assert!(ambiguous("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"));
        assert!(ambiguous(
            "POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\nHost: x\r\ncontent-length:3\r\n\r\n"
        ));
        assert!(ambiguous("POST / HTTP/1.1\ntransfer-encoding: chunked\ncontent-length: 3\n\n"));
    }

    #[test]
    fn one_length_is_not_two() {
        assert!(!ambiguous("POST / HTTP/1.1\r\nContent-Length: 3\r\nX-Transfer-Encoding: chunked\r\n\r\n"));
        assert!(!ambiguous("POST / HTTP/1.1\r\nContent-Lengths: 3\r\nTransfer-Encoding: chunked\r\n\r\n"));
        assert!(!ambiguous("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\ncontent-length: 3\r\n\r\n"));
        assert!(!ambiguous("POST / HTTP/1.1\r\nA: content-length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }

    #[test]
    fn another_request_starts_anew() {
        let mut scan = HeadScan::default();
        scan.feed(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        scan.restart();
        scan.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(!scan.is_ambiguous());
    }
}
