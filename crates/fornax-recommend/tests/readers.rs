//! Readers: every form of file, its encodings, and faults that name file, line and value.

use std::path::PathBuf;

use fornax_recommend::{Delimited, Duplicates, Interactions, JsonLines, lightgcn, movielens, sequences};

fn parse(schema: &Delimited, text: &[u8]) -> fornax_core::Result<Interactions<u32, String>> {
    schema.parse(text, "log.txt", Duplicates::Last)
}

fn fault(schema: &Delimited, text: &str) -> String {
    parse(schema, text.as_bytes()).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn forms_of_text_hold_the_same() {
    let csv = Delimited::csv().user("u").item("i").value("r").time("t");
    let forms: [(Delimited, &[u8]); 5] = [
        (csv.clone(), b"t,i,u,r\n10,\"a, b\",7,4.5\n11,c,8,3\n"),
        (csv.clone().user(2).item(1), b"\xef\xbb\xbft,i,u,r\r\n\r\n10 ,\"a, b\", 7,4.5\r\n11.9,c,8,3"),
        (Delimited::tsv().value(2).time(3), b"7\ta, b\t4.5\t10\n\n8\tc\t3\t11\textra\n"),
        (Delimited::separated_by("::").value(2).time(3), b"\xef\xbb\xbf7::a, b::4.5::10\r\n8::c::3::11"),
        (
            Delimited::separated_by("::").header(true).user("u").item("i").value("r").time("t"),
            b"u::i::r::t\n7::a, b::4.5::10\n8::c::3::11",
        ),
    ];
    for (schema, text) in forms {
        let log = parse(&schema, text).unwrap();
        assert_eq!(
            (log.users().as_slice(), log.items().as_slice()),
            (&[7, 8][..], &["a, b".into(), "c".into()][..])
        );
        assert_eq!((log.matrix().values(), log.times()), (&[4.5, 3.0][..], Some(&[10, 11][..])));
    }
    let broken =
        parse(&csv.header(false).user(0).item(1).value(2).time(3), b"7,\"a\n\"\"b\"\"\",1,0\n8,c,x,0\n");
    assert!(broken.unwrap_err().to_string().starts_with("log.txt: line 3, value"), "a record over two lines");
    let pairs = parse(&Delimited::separated_by(" "), b"7 x\n8 x\n").unwrap();
    assert_eq!((pairs.matrix().values(), pairs.times()), (&[1.0, 1.0][..], None));
    let latin = parse(&Delimited::tsv(), b"7\tL\xe9on\n8\tM\xc3\xa9tis\n").unwrap();
    assert_eq!(latin.items().as_slice(), ["Léon", "Métis"]);
}

#[test]
fn faults_name_line_and_value() {
    let schema = Delimited::csv().header(false).value(2).time(3);
    let wanted = [
        ("1,a,5,0\n2,b,x,0\n", "log.txt: line 2, value: found \"x\", wanted a finite number"),
        ("1,a,NaN,0\n", "log.txt: line 1, value: found \"NaN\", wanted a finite number"),
        ("1,a,1,0\n\n1,b,-2.5,0\n", "log.txt: line 3, value: found -2.5, wanted 0 or more"),
        ("1,a,1e39,0\n", "log.txt: line 1, value: found 1e39, wanted a number of 32 bits"),
        ("1,a,1,late\n", "log.txt: line 1, time: found \"late\", wanted a finite number"),
        ("4294967296,a,1,0\n", "log.txt: line 1, user: found \"4294967296\", wanted an id of type u32"),
        ("1,,1,0\n", "log.txt: line 1, item: found \"\", wanted an id"),
        (
            "1,a,1,0\n2,\"b,1,0\n3,c,1,0\n",
            "log.txt: line 2: found a quote that nothing closes, wanted one behind the field, too",
        ),
        (
            "1,a,1,0\r2,b,1,0\r",
            "log.txt: line 1: found a carriage return alone, wanted lines that end with a line feed",
        ),
        (
            "1,\"a\",1,0\r2,b,1,0\n",
            "log.txt: line 1: found a carriage return alone, wanted lines that end with a line feed",
        ),
        ("1,a,1\n", "log.txt: line 1: found 3 fields, wanted at least 4 with \",\" between"),
        ("", "log.txt: log: found no interaction, wanted at least one"),
    ];
    for (text, wanted) in wanted {
        assert_eq!(fault(&schema, text), wanted);
    }
    assert!(parse(&schema.clone().signed(true), b"1,a,-2.5,0\n").is_ok());
    let stray = b"1,5\" a,1,0\n2,b,1,1.0\r\n3,\"c\r\"\"\n\",1,0\n4,5\",1,0\n";
    let stray = parse(&schema, stray).unwrap();
    assert_eq!(
        stray.items().as_slice(),
        ["5\" a", "b", "c\r\"", "5\""],
        "quotes within fields, returns within quotes"
    );
    let twice = fault(&Delimited::csv().item("a").user("a"), "a,b\n1,2\n");
    assert_eq!(twice, "field of the item: found that of the user, wanted another one");
    let named = Delimited::csv().user("who");
    assert_eq!(fault(&named, "a,b\n1,2\n"), "log.txt: header: found a, b, wanted a field who");
    assert!(fault(&named.header(false), "a,b\n").contains("as there is no header"));
    assert!(fault(&Delimited::separated_by(""), "a,b\n").contains("delimiter: found an empty string"));
    let repeated =
        Delimited::csv().header(false).parse::<u8, u8>(&b"1,2\n1,2\n"[..], "log.txt", Duplicates::Error);
    assert_eq!(repeated.unwrap_err().to_string(), "log.txt: user 1, item 2: found 2 events, wanted one");
}

#[test]
fn lines_of_items() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.txt");
    std::fs::write(&path, "0 5 6  7\n1\n\n2 6 5\r\n").unwrap();
    let sets: Interactions<u32, u32> = lightgcn(&path, Duplicates::Error).unwrap();
    assert_eq!((sets.users().as_slice(), sets.items().as_slice()), (&[0, 2][..], &[5, 6, 7][..]));
    assert_eq!((sets.len(), sets.times()), (5, None));
    let ordered: Interactions<u32, u32> = sequences(&path, Duplicates::First).unwrap();
    assert_eq!(ordered.times(), Some(&[0, 1, 2, 1, 0][..]));
    std::fs::write(&path, "0 5\n1 x\n").unwrap();
    let error = lightgcn::<u32, u32>(&path, Duplicates::Error).unwrap_err().to_string();
    assert!(error.ends_with("train.txt: line 2, item: found \"x\", wanted an id of type u32"), "{error}");
    std::fs::write(&path, "\n").unwrap();
    assert!(
        lightgcn::<u32, u32>(&path, Duplicates::Error).unwrap_err().to_string().contains("no interaction")
    );
}

#[test]
fn movielens_in_its_three_forms() {
    let forms: [[(&str, &[u8]); 2]; 3] = [
        [
            ("u.data", b"1\t20\t3\t99\n2\t30\t4\t98\n1\t20\t5\t100\n"),
            (
                "u.item",
                b"20|Amelie (2001)|x||u|0|0|0|0|0|1|0|0|0|0|0|0|0|0|1|0|0|0|0\n\
                  30|L\xe9on|y||u|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n",
            ),
        ],
        [
            ("ratings.dat", b"1::20::5::100\n2::30::4::98\n"),
            ("movies.dat", b"20::Amelie (2001)::Comedy|Romance\n30::L\xe9on::\n"),
        ],
        [
            ("ratings.csv", b"userId,movieId,rating,timestamp\n1,20,5.0,100\n2,30,4.0,98\n"),
            (
                "movies.csv",
                "movieId,title,genres\n20,\"Amelie (2001)\",Comedy|Romance\n30,Léon,(no genres listed)\n"
                    .as_bytes(),
            ),
        ],
    ];
    for files in forms {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        files.iter().for_each(|(name, bytes)| std::fs::write(path(name), bytes).unwrap());
        let set = movielens(folder.path()).unwrap();
        assert_eq!(
            (set.ratings.matrix().values(), set.ratings.times()),
            (&[5.0, 4.0][..], Some(&[100, 98][..]))
        );
        assert_eq!([set.title(20), set.title(30), set.title(1)], [Some("Amelie (2001)"), Some("Léon"), None]);
        assert_eq!(set.genres(20), ["Comedy", "Romance"]);
        assert!(set.genres(30).is_empty() && set.genres(1).is_empty());
        std::fs::remove_file(path(files[1].0)).unwrap();
        assert!(movielens(folder.path()).unwrap_err().to_string().contains(files[1].0));
    }
    for (flags, wanted) in
        [("0|1", "found 2 flags, wanted 19"), (&["x"; 19].join("|"), "found \"x\", wanted 0 or 1")]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("u.data"), "1\t20\t3\t99\n").unwrap();
        std::fs::write(folder.path().join("u.item"), format!("20|Amelie|x||u|{flags}\n")).unwrap();
        let error = movielens(folder.path()).unwrap_err().to_string();
        assert!(error.contains("line 1, genres") && error.contains(wanted), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(
        movielens(empty.path())
            .unwrap_err()
            .to_string()
            .contains("wanted u.data, ratings.dat or ratings.csv")
    );
}

fn parse_json(schema: &JsonLines, text: &str) -> fornax_core::Result<Interactions<u32, String>> {
    schema.parse(text.as_bytes(), "log.json", Duplicates::Last)
}

#[test]
fn lines_of_json() {
    let schema = JsonLines::new("u", "i").value("r").time("t");
    let text = concat!(
        "\u{feff}{\"u\": 7, \"i\": \"a, \\u00e9\", \"r\": 4.5, \"t\": 9007199254740993, \"more\": [{}]}\r\n",
        "\n",
        " {\"t\": \"11.9\", \"i\": 12, \"u\": \"8\", \"r\": \" 3\"} ",
    );
    let log = parse_json(&schema, text).unwrap();
    assert_eq!(
        (log.users().as_slice(), log.items().as_slice()),
        (&[7, 8][..], &["a, é".into(), "12".into()][..])
    );
    assert_eq!(
        (log.matrix().values(), log.times()),
        (&[4.5, 3.0][..], Some(&[9_007_199_254_740_993, 11][..]))
    );
    let pairs = parse_json(&JsonLines::new("u", "i"), text).unwrap();
    assert_eq!((pairs.matrix().values(), pairs.times()), (&[1.0, 1.0][..], None));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.json.gz");
    // The text {"u":7,"i":"x"}.
    let zipped = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabV*U\xb22\xd7Q\xcaT\xb2R\xaaP\xaa\xe5\x02\x00;\x89\xe2\x94\x10\x00\x00\x00";
    std::fs::write(&path, zipped).unwrap();
    let read: Interactions<u32, String> = JsonLines::new("u", "i").read(&path, Duplicates::Last).unwrap();
    assert_eq!((read.users().as_slice(), read.items().as_slice()), (&[7][..], &["x".to_owned()][..]));
}

#[test]
fn faults_of_json_name_line_and_value() {
    let schema = JsonLines::new("u", "i").value("r").time("t");
    let good = r#"{"u": 1, "i": "a", "r": 1, "t": 0}"#;
    let id = "wanted a string or a whole number of at most 64 bits";
    let wanted = [
        (r#"{"u": 1, "i": "a", "t": 0}"#, "line 2: found no field \"r\", wanted one in every object".into()),
        (r#"{"u": 1, "i": null, "r": 1, "t": 0}"#, format!("line 2, item: found null, {id}")),
        (r#"{"u": 1.5, "i": "a", "r": 1, "t": 0}"#, format!("line 2, user: found 1.5, {id}")),
        (
            r#"{"u": 18446744073709551616, "i": "a", "r": 1, "t": 0}"#,
            format!("line 2, user: found 1.8446744073709552e+19, {id}"),
        ),
        (
            r#"{"u": -1, "i": "a", "r": 1, "t": 0}"#,
            "line 2, user: found \"-1\", wanted an id of type u32".into(),
        ),
        (
            r#"{"u": 1, "i": "a", "r": "x", "t": 0}"#,
            "line 2, value: found \"x\", wanted a finite number".into(),
        ),
        (
            r#"{"u": 1, "i": "a", "r": true, "t": 0}"#,
            "line 2, value: found true, wanted a finite number".into(),
        ),
        (r#"{"u": 1, "i": "a", "r": -2, "t": 0}"#, "line 2, value: found -2, wanted 0 or more".into()),
        (
            r#"{"u": 1, "i": "a", "r": 1e39, "t": 0}"#,
            "line 2, value: found 1e39, wanted a number of 32 bits".into(),
        ),
        (
            r#"{"u": 1, "i": "a", "r": 1, "t": "late"}"#,
            "line 2, time: found \"late\", wanted a finite number".into(),
        ),
        (r#"{"u": 1, "i"}"#, "line 2, byte 13: found expected `:`, wanted a JSON object".into()),
        (
            "[1, 2]",
            "line 2, byte 0: found invalid type: sequence, expected a map, wanted a JSON object".into(),
        ),
    ];
    for (text, wanted) in wanted {
        let error = parse_json(&schema, &format!("{good}\n{text}\n{good}")).unwrap_err().to_string();
        assert_eq!(error, format!("log.json: {wanted}"));
    }
    assert!(parse_json(&schema.signed(true), r#"{"u": 1, "i": "a", "r": -2, "t": 0}"#).is_ok());
    assert!(parse_json(&JsonLines::new("u", "i"), "\n").unwrap_err().to_string().contains("no interaction"));
}
