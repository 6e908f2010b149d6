//! Everything that may be thrown at the framer.

use super::*;
use proptest::prelude::*;

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                      xmlns:stream='http://etherx.jabber.org/streams' id='x'>";
const UNREADABLE: &str = "<unreadable xmlns='urn:xmpp-guard:unreadable' from='r@m/n'/>";

fn run(input: &str) -> String {
    let mut out = Vec::new();
    Framer::new().push(input.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

fn after_header(input: &str) -> String {
    run(&format!("{HEADER}{input}")).strip_prefix(HEADER).unwrap().to_owned()
}

/// What the parser behind us makes of it: no error and the depth at the end.
fn parses(text: &str) -> Result<i64, String> {
    let (mut parser, mut rest, mut depth) = (Parser::default(), text.as_bytes(), 0);
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(Event::StartElement(..))) => depth = i64::saturating_add(depth, 1),
            Ok(Some(Event::EndElement(_))) => depth = i64::saturating_sub(depth, 1),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(depth),
            Err(xso::exports::rxml::error::EndOrError::NeedMoreData) => return Ok(depth),
            Err(e) => return Err(format!("{e:?}")),
        }
    }
}

#[test]
fn passes_what_can_be_read() {
    let plain =
        "<presence from='r@m/n'><x a=\"'>/\"/>t &lt;<y><![CDATA[<z>]]]]></y></presence> \n<iq/><a></a>";
    assert_eq!(after_header(plain), plain);
    assert_eq!(after_header("<iq/></stream:stream>"), "<iq/></stream:stream>");
    assert_eq!(run("SSH-2.0-OpenSSH_9.2\r\n"), "SSH-2.0-OpenSSH_9.2\r\n");
}

#[test]
fn replaces_what_cannot() {
    let long = "x".repeat(10_000);
    for inner in [
        format!("<a b='{long}'/>"),
        format!("<{long}/>"),
        "<foo xmlns='http://www.w3.org/XML/1998/namespace'/>".to_owned(),
        "<p:foo/>".to_owned(),
        "<a b='1' b='2'/>".to_owned(),
        "<a>&unknown;</a>".to_owned(),
        "<!-- comment -->".to_owned(),
        "<a></b>".to_owned(),
        "\u{1}".to_owned(),
    ] {
        let out = after_header(&format!("<message from='r@m/n'>{inner}</message><iq/>"));
        assert_eq!(out, format!("{UNREADABLE}<iq/>"), "{:?}", inner.get(..20));
    }
    assert_eq!(
        after_header(&format!("<iq from='r@m/a&amp;&apos;&lt;' id='{long}'/>")),
        "<unreadable xmlns='urn:xmpp-guard:unreadable' from='r@m/a&amp;&apos;&lt;'/>"
    );
    assert_eq!(
        after_header(&format!("<iq from='{long}'/>")),
        "<unreadable xmlns='urn:xmpp-guard:unreadable'/>"
    );
}

/// What is handed on of a presence with these attributes and children.
fn presence(attributes: &str, inner: &str) -> String {
    after_header(&format!("<presence {attributes}>{inner}</presence><iq/>"))
}

#[test]
fn of_an_unreadable_presence_the_rooms_word_is_kept() {
    let word =
        "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/><status code='110'/></x>";
    let (long, deep) = ("y".repeat(10_000), format!("{}{}", "<a>".repeat(300), "</a>".repeat(300)));
    let kept = format!("{UNREADABLE}<presence from='r@m/n'>{word}</presence><iq/>");
    for bad in [format!("<a b='{long}'/>"), "<p:foo/>".to_owned(), deep, format!("<{long}/>")] {
        for inner in
            [format!("<b/>{bad}t{word}"), format!("{word}{bad}<c/>"), format!("<x/>{bad}{word}<d>{word}</d>")]
        {
            assert_eq!(presence("from='r@m/n' to='x'", &inner), kept, "{:?}", inner.get(..40));
        }
        // No word, no presence; and an error is none of the room's words.
        assert_eq!(presence("from='r@m/n'", &bad), format!("{UNREADABLE}<iq/>"));
        assert_eq!(
            presence("from='r@m/n' type='error'", &format!("{bad}{word}")),
            format!("{UNREADABLE}<iq/>")
        );
        assert_eq!(
            presence("type='unavailable' from='r@m/n'", &format!("{bad}{word}")),
            kept.replace("/n'>", "/n' type='unavailable'>")
        );
    }
    // The start tag may be what cannot be read, and then the word itself.
    assert_eq!(presence(&format!("id='{long}' from='r@m/n'"), word), kept);
    let bent = word.replace("role", "p:role");
    assert_eq!(presence("from='r@m/n'", &bent), format!("{UNREADABLE}<iq/>"));
    // The next stanza has nothing of it.
    let two = format!("<presence from='r@m/n'>{word}</presence><presence from='r@m/n'><p:foo/></presence>");
    assert_eq!(after_header(&two), format!("<presence from='r@m/n'>{word}</presence>{UNREADABLE}"));
}

#[test]
fn depth_costs_neither_stack_nor_time() {
    let deep = |n| format!("<message from='r@m/n'>{}{}</message>", "<a>".repeat(n), "</a>".repeat(n));
    assert_eq!(after_header(&deep(100)), deep(100));
    assert_eq!(after_header(&format!("{}<iq/>", deep(300_000))), format!("{UNREADABLE}<iq/>"));
}

#[test]
fn a_giant_is_skipped_and_its_memory_given_back() {
    let (mut framer, mut out) = (Framer::new(), Vec::new());
    framer.push(HEADER.as_bytes(), &mut out);
    out.clear();
    framer.push(b"<message from='r@m/n'><body>", &mut out);
    for _ in 0..12 {
        framer.push(&vec![b'x'; 1 << 20], &mut out);
        assert!(framer.held.capacity() <= 2 * MAX_STANZA);
    }
    assert!(out.is_empty());
    framer.push(b"</body></message><iq/>", &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), format!("{UNREADABLE}<iq/>"));
    assert!(framer.held.capacity() <= KEEP);
}

/// Well-formed by brackets, and with all that `rxml` may dislike.
fn element() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[a-z]{1,4}".prop_map(String::from),
        1 => "[a-z]{1,2}:[a-z]{1,2}".prop_map(String::from),
        1 => Just("x".repeat(9000)),
    ];
    let attribute = prop_oneof![
        4 => ("[a-z]{1,2}", "[^<&']{0,12}").prop_map(|(n, v)| format!("{n}='{v}'")),
        1 => Just("xmlns='http://www.w3.org/XML/1998/namespace'".to_owned()),
        1 => Just("xmlns='http://www.w3.org/2000/xmlns/'".to_owned()),
        1 => Just("xmlns:ab=''".to_owned()),
        1 => Just("xmlns:a='urn:a'".to_owned()),
        1 => Just(format!("b='{}'", "y".repeat(9000))),
    ];
    let head = (name, prop::collection::vec(attribute, 0..3))
        .prop_map(|(name, attributes)| (name, attributes.join(" ")));
    let leaf = prop_oneof![
        "[^<&]{0,12}".prop_map(String::from),
        Just("<![CDATA[<]]>]]>".to_owned()),
        Just("&amp;".to_owned()),
        Just("&nope;".to_owned()),
        Just("<!--c-->".to_owned()),
        Just("<?pi?>".to_owned()),
    ];
    leaf.prop_recursive(6, 24, 4, move |inner| {
        (head.clone(), prop::collection::vec(inner, 0..4)).prop_map(|((name, attributes), children)| {
            format!("<{name} {attributes}>{}</{name}>", children.concat())
        })
    })
}

proptest! {
    #[test]
    fn nothing_that_comes_out_is_refused(
        stanzas in prop::collection::vec((prop_oneof![Just("message"), Just("presence")], element()), 1..5),
        cuts in prop::collection::vec(1_usize..200, 1..20),
    ) {
        let stanzas: Vec<_> = stanzas.iter().map(|(kind, s)| {
            let word = "<x xmlns='http://jabber.org/protocol/muc#user'><item/></x>";
            format!("<{kind} from='r@m/n'>{s}{word}</{kind}>")
        }).collect();
        let input = format!("{HEADER}{} ", stanzas.concat());
        let whole = run(&input);
        prop_assert_eq!(parses(&whole), Ok(1));

        // The same, however it is cut.
        let (mut framer, mut out, mut rest) = (Framer::new(), Vec::new(), input.as_bytes());
        for cut in cuts.into_iter().cycle() {
            let (piece, left) = rest.split_at(cut.min(rest.len()));
            framer.push(piece, &mut out);
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), whole.clone());

        // A stanza that can be read alone is not replaced.
        for stanza in stanzas {
            if parses(&format!("{HEADER}{stanza} ")) == Ok(1) {
                prop_assert!(whole.contains(&stanza));
            }
        }
    }

    #[test]
    fn any_bytes_after_a_header_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut out = Vec::new();
        let mut framer = Framer::new();
        framer.push(HEADER.as_bytes(), &mut out);
        framer.push(&bytes, &mut out);
    }
}
