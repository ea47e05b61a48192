//! A tag object: what it points to, its name and its tagger, as far as its bytes can be understood.

use std::ops::Range;

use super::commit::Headers;
use super::object::{ObjectId, ObjectKind};
use super::signature::Signature;

/// What an annotated tag says. Malformed parts are absent or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedTag<'a> {
    /// What it points to.
    pub target: Option<ObjectId>,
    /// What kind of object that is said to be.
    pub kind: Option<ObjectKind>,
    /// The name that the tag gives itself.
    pub name: &'a [u8],
    /// Who made it; the oldest tags say nothing.
    pub tagger: Option<Signature<'a>>,
    /// Where in the object the message stands.
    pub message: Range<usize>,
}

impl<'a> ParsedTag<'a> {
    /// Takes from the bytes of a tag what can be had.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        let mut tag = Self::default();
        let mut headers = Headers::new(bytes);
        for (keyword, value) in &mut headers {
            match keyword {
                b"object" if tag.target.is_none() => tag.target = ObjectId::from_hex(value),
                b"type" if tag.kind.is_none() => tag.kind = kind(value),
                b"tag" if tag.name.is_empty() => tag.name = value,
                b"tagger" if tag.tagger.is_none() => tag.tagger = Some(Signature::parse(value)),
                _ => {}
            }
        }
        tag.message = headers.body();
        tag
    }
}

fn kind(name: &[u8]) -> Option<ObjectKind> {
    match name {
        b"commit" => Some(ObjectKind::Commit),
        b"tree" => Some(ObjectKind::Tree),
        b"blob" => Some(ObjectKind::Blob),
        b"tag" => Some(ObjectKind::Tag),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn all_parts_of_a_tag_are_found() {
        let text = format!("object {ID}\ntype tree\ntag v1\ntagger T <t@x> 7 +0000\n\nmessage\n");
        let tag = ParsedTag::parse(text.as_bytes());
        assert_eq!(tag.target.unwrap().to_string(), ID);
        assert_eq!(tag.kind, Some(ObjectKind::Tree));
        assert_eq!((tag.name, tag.tagger.unwrap().time), (&b"v1"[..], 7));
        assert_eq!(&text[tag.message], "message\n");
    }

    #[test]
    fn what_is_missing_is_absent() {
        let old = format!("object {ID}\ntype commit\ntag v0.99\n\nmessage");
        assert_eq!(ParsedTag::parse(old.as_bytes()).tagger, None);
        assert_eq!(
            ParsedTag::parse(b"type nonsense\ntag"),
            ParsedTag { message: 17..17, ..Default::default() }
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_as_a_tag_do_not_panic(bytes: Vec<u8>) {
            let tag = ParsedTag::parse(&bytes);
            proptest::prop_assert!(bytes.get(tag.message).is_some());
        }
    }
}
