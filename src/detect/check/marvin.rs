//! Marvin32, the keyed hash whose 32 bits Microsoft's services write at the end of their keys.

/// The hash of `bytes` under `seed`: both halves of Marvin's 64 bits, mixed.
pub(super) fn hash(bytes: &[u8], seed: u64) -> u32 {
    let (low, high) = halves(bytes, seed);
    low ^ high
}

fn halves(bytes: &[u8], seed: u64) -> (u32, u32) {
    let mut state = (seed as u32, (seed >> 32) as u32);
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        state.0 = state.0.wrapping_add(u32::from_le_bytes(*word));
        state = mix(state);
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    state.0 = state.0.wrapping_add(u32::from_le_bytes(last));
    mix(mix(state))
}

fn mix((mut low, mut high): (u32, u32)) -> (u32, u32) {
    high ^= low;
    low = low.rotate_left(20).wrapping_add(high);
    high = high.rotate_left(9) ^ low;
    low = low.rotate_left(27).wrapping_add(high);
    (low, high.rotate_left(19))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        // From the tests of .NET's implementation: seed, input, both halves.
        let vectors: [(u64, &[u8], u64); 9] = [
            (0x004f_b61a_001b_dbcc, &[], 0x30ed_35c1_00cd_3c7d),
            (0x004f_b61a_001b_dbcc, &[0xaf], 0x48e7_3fc7_7d75_ddc1),
            (0x004f_b61a_001b_dbcc, &[0xe7, 0x0f], 0xb5f6_e1fc_485d_bff8),
            (0x004f_b61a_001b_dbcc, &[0x37, 0xf4, 0x95], 0xf0b0_7c78_9b8c_f7e8),
            (0x004f_b61a_001b_dbcc, &[0x86, 0x42, 0xdc, 0x59], 0x7008_f2e8_7e9c_f556),
            (0x004f_b61a_001b_dbcc, &[0x15, 0x3f, 0xb7, 0x98, 0x26], 0xe6c0_8c6d_a2af_a997),
            (0x004f_b61a_001b_dbcc, &[0x09, 0x32, 0xe6, 0x24, 0x6c, 0x47], 0x6f04_bf1a_5ea2_4060),
            (0x004f_b61a_001b_dbcc, &[0xab, 0x42, 0x7e, 0xa8, 0xd1, 0x0f, 0xc7], 0xe118_47e4_f067_8c41),
            (0x804f_b61a_001b_dbcc, &[0xaf], 0x6820_1f91_960e_bf91),
        ];
        for (seed, input, expected) in vectors {
            let (low, high) = halves(input, seed);
            assert_eq!(u64::from(high) << 32 | u64::from(low), expected);
        }
    }
}
