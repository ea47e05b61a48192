//! A buffer: bytes that are filled again and again without being cleared in between.

/// Capacity that a pool keeps at most; more goes back to the system.
const POOL_BYTES: usize = 8 << 20;
/// Capacity above which a buffer does not keep four times what it needs.
const LARGE: usize = 8 << 20;

/// A byte string whose memory outlives its content.
///
/// A plain `Vec` would have to be zeroed before something can be inflated into it.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    length: usize,
}

impl Buffer {
    /// Makes room for `length` bytes; what they are is left to the caller.
    pub(super) fn room(&mut self, length: usize) -> &mut [u8] {
        let have = self.bytes.len();
        if have < length || (have > LARGE && length < have / 4) {
            // Not `resize`: the old content is not worth moving, and fresh zeros cost nothing until they are touched.
            self.bytes = Vec::new();
            self.bytes = vec![0; length + length / 8];
        }
        self.length = length;
        &mut self.bytes[..length]
    }

    /// Forgets what comes after the first `length` bytes.
    pub(super) fn shorten(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Memory that it takes.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// The content alone.
    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.length);
        self.bytes
    }
}

/// Buffers that are free.
#[derive(Default)]
pub(super) struct Pool {
    free: Vec<Buffer>,
    capacity: usize,
}

impl Pool {
    /// A buffer, the one that was used last if there is any: it is still in the cache.
    pub(super) fn take(&mut self) -> Buffer {
        let buffer = self.free.pop().unwrap_or_default();
        self.capacity -= buffer.capacity();
        buffer
    }

    /// Gives a buffer back.
    pub(super) fn give(&mut self, buffer: Buffer) {
        if self.capacity + buffer.capacity() <= POOL_BYTES {
            self.capacity += buffer.capacity();
            self.free.push(buffer);
        }
    }
}
