//! Identifiable keys of Azure: base 64 in which a signature of four characters stands before the last four bytes,
//! and these are the Marvin32 hash of the bytes before them under a seed that eight characters spell.
//!
//! Also the later form, "common annotated security keys": 84 or 88 characters with `JQQJ` at 52. The hash of the
//! public samples of that form was not reproduced, so that there its failure refutes nothing.

use super::{Verdict, marvin};
use crate::detect::radix::{from_base64, from_base64url, to_base62, to_base64};

/// A signature, whose key it marks, and whether the hash of a public sample was reproduced, so that failure refutes.
struct Family(&'static [u8; 4], &'static str, Sample);

#[derive(PartialEq)]
enum Sample {
    Reproduced,
    None,
}

const FAMILIES: [Family; 15] = [
    Family(b"+ASt", "Storage", Sample::Reproduced),
    Family(b"+ABa", "Batch", Sample::Reproduced),
    Family(b"ACDb", "Cosmos DB", Sample::Reproduced),
    Family(b"+AMC", "Machine Learning (classic)", Sample::Reproduced),
    Family(b"APIM", "API Management", Sample::Reproduced),
    Family(b"+ASb", "Service Bus", Sample::Reproduced),
    Family(b"+AEh", "Event Hubs", Sample::Reproduced),
    Family(b"+ARm", "Relay", Sample::Reproduced),
    Family(b"AIoT", "IoT Hub", Sample::Reproduced),
    Family(b"AzFu", "Functions", Sample::Reproduced),
    Family(b"AzSe", "AI Search", Sample::Reproduced),
    Family(b"+ACR", "Container Registry", Sample::Reproduced),
    Family(b"AzCa", "Cache for Redis", Sample::None),
    Family(b"AZEG", "Event Grid", Sample::None),
    Family(b"+SQL", "SQL", Sample::None),
];

/// Seeds and what a key made with it may do, where that is worth knowing.
const SEEDS: [(&[u8; 8], &str); 29] = [
    (b"Default0", ""),
    (b"AbAcct00", ""),
    (b"Access00", ""),
    (b"ACRDflt0", ""),
    (b"Classic0", ""),
    (b"UsrPwd00", ""),
    (b"Unknown0", ""),
    (b"SendRecv", ""),
    (b"Send0000", ", may send"),
    (b"Listen00", ", may listen"),
    (b"Manage00", ", may manage"),
    (b"System00", ", system key"),
    (b"Master00", ", master key"),
    (b"Functi00", ", function key"),
    (b"SysAll00", ", system key"),
    (b"SystRO00", ", system key, read-only"),
    (b"SystRW00", ", system key"),
    (b"MastRO00", ", master key, read-only"),
    (b"MastRW00", ", master key"),
    (b"Resour00", ", resource key"),
    (b"Encryp00", ", encryption key"),
    (b"Query000", ", query key"),
    (b"PAdmin00", ", admin key"),
    (b"IoTHub00", ""),
    (b"DpsKey00", ", provisioning key"),
    (b"Device00", ", device key"),
    (b"Tenant00", ", management key"),
    (b"Gatewy00", ", gateway key"),
    (b"GitKey00", ", repository key"),
];
/// Characters of signature and checksum at the end, without padding.
const TAIL: usize = 10;
const SHORTEST: usize = 32;
/// The annotated form: where its mark stands, and how many characters its hash covers.
const MARK: std::ops::Range<usize> = 52..56;
const COVERED: usize = 80;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let text = without_padding(token);
    let bytes = from_base64(text).or_else(|| from_base64url(text)).filter(|_| text.len() >= SHORTEST);
    let Some((body, found)) = bytes.as_deref().and_then(<[u8]>::split_last_chunk) else {
        return Verdict::Refuted;
    };
    if token.get(MARK) == Some(b"JQQJ") {
        return annotated(text);
    }
    let seed = SEEDS.iter().find(|(seed, _)| checksum(body, seed) == *found);
    let family = family(&text[..text.len() - TAIL + 4]);
    match (seed, family) {
        (Some((_, may)), Some(Family(_, name, _))) => {
            Verdict::Proved(format!("checksum valid, Azure {name}{may}"))
        }
        (Some(_), None) => Verdict::Proved("checksum valid".to_owned()),
        (None, Some(Family(_, _, Sample::Reproduced))) => Verdict::Refuted,
        (None, _) => Verdict::Plausible(None),
    }
}

/// Expects everything up to the signature, and returns the checksum with the padding that follows it. In the
/// annotated form: all 80 characters before the checksum, which is given as the four characters of the short form.
pub(super) fn complete(so_far: &[u8]) -> Option<Vec<u8>> {
    if so_far.get(MARK) == Some(b"JQQJ") {
        let sum = annotated_checksum(so_far)?;
        return (so_far.len() == COVERED).then(|| text_of(sum).into_iter().take(4).collect());
    }
    let family = family(so_far)?;
    // The first character of the checksum may share bits with the last byte before it; they are zero here.
    let zeros = vec![b'A'; so_far.len().next_multiple_of(4) - so_far.len()];
    let mut bytes = from_base64(&[so_far, &zeros].concat())?;
    bytes.truncate((so_far.len() * 6).div_ceil(8));
    let sum = checksum(&bytes, usual_seed(family));
    bytes.extend(sum);
    let text = to_base64(&bytes).into_bytes();
    text.strip_prefix(so_far).map(<[u8]>::to_vec)
}

fn without_padding(token: &[u8]) -> &[u8] {
    let padding = token.iter().rev().take_while(|&&byte| byte == b'=').count();
    &token[..token.len() - padding]
}

/// The family whose signature `text` ends with.
fn family(text: &[u8]) -> Option<&'static Family> {
    FAMILIES.iter().find(|Family(signature, ..)| text.ends_with(*signature))
}

/// The seed that examples of the family are made with.
fn usual_seed(Family(signature, ..): &Family) -> &'static [u8; 8] {
    match *signature {
        b"+ABa" => b"AbAcct00",
        b"ACDb" => b"MastRW00",
        b"+AMC" => b"Classic0",
        b"APIM" => b"Gatewy00",
        b"+ASb" | b"+AEh" | b"+ARm" => b"Manage00",
        b"AIoT" => b"IoTHub00",
        b"AzFu" => b"Functi00",
        b"AzSe" => b"PAdmin00",
        b"+ACR" => b"ACRDflt0",
        b"AzCa" => b"Access00",
        b"+SQL" => b"UsrPwd00",
        _ => b"Default0",
    }
}

fn checksum(body: &[u8], seed: &[u8; 8]) -> [u8; 4] {
    marvin::hash(body, u64::from_be_bytes(*seed)).to_le_bytes()
}

/// `text`: 84 characters, or 86 and padding.
fn annotated(text: &[u8]) -> Verdict {
    let (Some(sum), 84 | 86) = (annotated_checksum(text), text.len()) else {
        return Verdict::Refuted;
    };
    let found = &text[COVERED..];
    let raw = to_base64(&sum[..found.len() * 6 / 8]).into_bytes();
    let holds = text_of(sum).starts_with(found) || raw.starts_with(found);
    let since = made(text).map(|month| format!("Azure key made in {month}"));
    match since {
        Some(fact) if holds => Verdict::Proved(format!("checksum valid, {fact}")),
        None if holds => Verdict::Proved("checksum valid, Azure key".to_owned()),
        fact => Verdict::Plausible(fact),
    }
}

fn annotated_checksum(text: &[u8]) -> Option<[u8; 4]> {
    text.get(..COVERED).and_then(from_base64).map(|body| checksum(&body, b"Default0"))
}

/// The checksum's bytes, read as a number from left to right, in six digits of base 62.
fn text_of(sum: [u8; 4]) -> Vec<u8> {
    let digits = to_base62(u32::from_be_bytes(sum), 0);
    [digits.as_slice(), b"000000"].concat()[..6].to_vec()
}

/// Year and month of the key's making: a character counts the years since 2024, `A` to `L` are the months.
fn made(text: &[u8]) -> Option<String> {
    let year = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        .iter()
        .position(|digit| Some(digit) == text.get(58))?;
    let month = text.get(59)?.checked_sub(b'A').filter(|month| *month < 12)?;
    Some(format!("{}-{:02}", 2024 + year, month + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_samples_are_reproduced() {
        // From the tests of Microsoft's security-utilities, whose random parts are one repeated character.
        let samples = [
            ("a", 76, "+ASt", "5mnCaw==", "Storage"),
            ("a", 76, "ACDb", "OpqrYA==", "Cosmos DB, encryption key"),
            ("a", 76, "+ABa", "13FZVQ==", "Batch"),
            ("a", 76, "+AMC", "FNqWyA==", "Machine Learning (classic)"),
            ("a", 76, "APIM", "HbKhsQ==", "API Management, management key"),
            ("a", 33, "+ARm", "D7h+qo=", "Relay, may send"),
            ("a", 33, "+AEh", "G2s/8w=", "Event Hubs, may send"),
            ("a", 33, "+ASb", "HpHeAI=", "Service Bus, may send"),
            ("a", 33, "AIoT", "Oumzco=", "IoT Hub"),
            ("b", 33, "AZEG", "LiQbng=", "Event Grid"),
            ("a", 42, "AzSe", "CjhzCu", "AI Search, query key"),
            ("d", 42, "+ACR", "CUDxQE", "Container Registry"),
            ("d", 44, "AzFu", "182vhA==", "Functions, system key"),
        ];
        for (random, count, signature, checksum, name) in samples {
            let front = [&random.repeat(count), signature].concat();
            let valid = Verdict::Proved(format!("checksum valid, Azure {name}"));
            assert_eq!(verify([&front, checksum].concat().as_bytes()), valid);
            assert_eq!(verify([&front, checksum.trim_end_matches('=')].concat().as_bytes()), valid);
            let other = verify([&"c".repeat(count), signature, checksum].concat().as_bytes());
            let expected = if signature == "AZEG" { Verdict::Plausible(None) } else { Verdict::Refuted };
            assert_eq!(other, expected, "{name}");
        }
    }

    #[test]
    fn every_family_is_completed_at_every_length() {
        for Family(signature, name, _) in FAMILIES {
            for count in [33, 42, 44, 76] {
                let front = [&b"k7Qz".repeat(19)[..count], signature].concat();
                let rest = complete(&front).unwrap();
                let Verdict::Proved(fact) = verify(&[front, rest].concat()) else {
                    panic!("{name} of {count}");
                };
                assert!(fact.contains(name), "{fact}");
            }
        }
        assert_eq!(complete(b"nothing+ASX"), None);
    }

    #[test]
    fn annotated_keys_tell_their_month_even_if_the_checksum_is_another() {
        let front = [
            "k7Qz".repeat(13),
            "JQQJ99".to_owned(),
            "BC".to_owned(),
            "A".repeat(16),
            "mAzQ".to_owned(),
            "ab".to_owned(),
        ];
        let front = front.concat();
        let front = &front.as_bytes()[..COVERED];
        let token = [front, &complete(front).unwrap()].concat();
        assert_eq!(token.len(), 84);
        assert_eq!(verify(&token), Verdict::Proved("checksum valid, Azure key made in 2025-03".to_owned()));
        let other = [front, b"zzzz"].concat();
        assert_eq!(verify(&other), Verdict::Plausible(Some("Azure key made in 2025-03".to_owned())));
        assert_eq!(verify(&token[..83]), Verdict::Refuted);
    }

    #[test]
    fn other_texts() {
        assert_eq!(verify("k7Qz".repeat(22).as_bytes()), Verdict::Plausible(None));
        assert_eq!(verify(b"k7Qz"), Verdict::Refuted);
        assert_eq!(verify("k7Q!".repeat(22).as_bytes()), Verdict::Refuted);
    }
}
