//! Aliases: linked, found, unlinked; under plain names and under keyed digests while keys come and go.

use rewards_core::command::Operation;
use rewards_core::member::ALIASES_MAX;
use rewards_core::operations::aliases::{LinkAlias, ResolveAlias, UnlinkAlias};
use rewards_core::operations::members::EraseMember;
use rewards_core::rejection::Rejection;
use rewards_core::secret::{KeyedDigest, Secret};

use crate::world::{World, member};

const NOTHING: &str = "rules = []";

fn plain(text: &str) -> Secret {
    Secret::Clear(text.to_owned())
}

/// A name as an engine seals it under these keys, the current one first.
fn sealed(text: &str, keys: &[&str]) -> Secret {
    let digests = keys.iter().map(|key| KeyedDigest {
        key: key.parse().unwrap(),
        digest: format!("{key}{}", hex::encode(text)).into(),
    });
    Secret::Sealed(digests.collect())
}

fn is_plain(name: &Secret) -> bool {
    matches!(name, Secret::Clear(_))
}

struct Phones(World);

impl Phones {
    fn new() -> Self {
        let mut world = World::with(NOTHING);
        world.register("bob");
        Self(world)
    }

    fn run<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Rejection> {
        let key = format!("key-{}", self.0.commands);
        self.0.run_as(&key, operation)
    }

    fn link(&mut self, who: &str, name: Secret) -> String {
        let link = LinkAlias {
            member: member(who),
            kind: "phone".parse().unwrap(),
            plain: is_plain(&name),
            name,
        };
        said(self.run(&link).map(|linked| linked.member.to_string()))
    }

    fn unlink(&mut self, who: Option<&str>, name: Secret) -> String {
        let unlink = UnlinkAlias {
            kind: "phone".parse().unwrap(),
            plain: is_plain(&name),
            name,
            member: who.map(member),
        };
        said(
            self.run(&unlink)
                .map(|unlinked| unlinked.member.to_string()),
        )
    }

    fn resolve(&mut self, name: Secret) -> String {
        let resolve = ResolveAlias {
            kind: "phone".parse().unwrap(),
            plain: is_plain(&name),
            name,
        };
        said(self.run(&resolve).map(|found| found.member.to_string()))
    }
}

fn said(reply: Result<String, Rejection>) -> String {
    reply.unwrap_or_else(|rejection| rejection.code().to_owned())
}

#[test]
fn an_alias_belongs_to_one_member_until_it_is_unlinked() {
    for name in [plain("+4930123"), sealed("+4930123", &["k1"])] {
        let mut phones = Phones::new();
        assert_eq!(phones.resolve(name.clone()), "alias_unknown");
        assert_eq!(phones.link("ann", name.clone()), "ann");
        assert_eq!(phones.link("ann", name.clone()), "ann");
        assert_eq!(phones.link("bob", name.clone()), "alias_exists");
        assert_eq!(phones.resolve(name.clone()), "ann");
        assert_eq!(phones.unlink(Some("bob"), name.clone()), "alias_unknown");
        assert_eq!(phones.unlink(None, name.clone()), "ann");
        assert_eq!(phones.unlink(None, name.clone()), "alias_unknown");
        assert_eq!(phones.link("bob", name.clone()), "bob");
        assert_eq!(phones.resolve(name.clone()), "bob");
        assert_eq!(phones.link("eve", name), "member_unknown");
        assert_eq!(phones.link("eve", plain("other")), "member_unknown");
    }
}

#[test]
fn keys_rotate_and_a_lost_one_is_told() {
    let mut phones = Phones::new();
    let name = |keys: &[&str]| sealed("+4930123", keys);
    let other = |keys: &[&str]| sealed("+4930999", keys);
    assert_eq!(phones.link("ann", name(&["k1"])), "ann");
    assert_eq!(phones.link("bob", other(&["k1"])), "bob");
    // A new key: what is kept under the old one is found, and nobody else gets it.
    assert_eq!(phones.resolve(name(&["k2", "k1"])), "ann");
    assert_eq!(phones.link("bob", name(&["k2", "k1"])), "alias_exists");
    // Without the old key nobody can say whose it is.
    assert_eq!(phones.resolve(name(&["k2"])), "key_missing");
    assert_eq!(phones.link("bob", name(&["k2"])), "key_missing");
    // Linked again it moves under the new key; when nothing is left under the old one, that may go.
    assert_eq!(phones.link("ann", name(&["k2", "k1"])), "ann");
    assert_eq!(phones.resolve(name(&["k2"])), "ann");
    assert_eq!(phones.resolve(other(&["k2"])), "key_missing");
    assert_eq!(phones.unlink(None, other(&["k2", "k1"])), "bob");
    assert_eq!(phones.resolve(other(&["k2"])), "alias_unknown");
    assert_eq!(phones.link("bob", other(&["k2"])), "bob");
}

#[test]
fn names_are_bounded_and_so_are_the_aliases_of_a_member() {
    let mut phones = Phones::new();
    for name in [String::new(), "x".repeat(256), "a\u{0}b".to_owned()] {
        let link = LinkAlias {
            member: member("ann"),
            kind: "phone".parse().unwrap(),
            name: Secret::Clear(name),
            plain: true,
        };
        let Err(Rejection::Invalid(problems)) = phones.run(&link) else {
            panic!("accepted");
        };
        assert_eq!(
            (&*problems[0].code, problems[0].path.as_str()),
            ("secret_invalid", "name")
        );
    }
    for number in 0..ALIASES_MAX {
        assert_eq!(phones.link("ann", plain(&number.to_string())), "ann");
    }
    assert_eq!(phones.link("ann", plain("one more")), "too_many");
    assert_eq!(phones.link("bob", plain("one more")), "bob");
}

#[test]
fn a_closed_member_has_no_aliases_and_gets_none() {
    let mut phones = Phones::new();
    assert_eq!(phones.link("ann", plain("+4930123")), "ann");
    let erase = EraseMember {
        member: member("ann"),
        forfeit: false,
        after: None,
    };
    phones.run(&erase).unwrap();
    assert!(!format!("{:?}", phones.0.entities).contains("+4930123"));
    assert_eq!(phones.link("ann", plain("+4930123")), "member_closed");
    assert_eq!(phones.link("bob", plain("+4930123")), "bob");
}
