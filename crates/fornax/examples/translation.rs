//! Translates German descriptions of pictures into English by a Transformer, or by recurrent layers with attention.
//!
//! `cargo run --release --example translation -- transformer data/multi30k`
//! `cargo run --release --example translation -- gru data/multi30k`
//!
//! A number behind the folder is that of the epochs. The score is that of the test set of 2016, the best word at each
//! step and the best of five hypotheses.
use fornax::data::text::read_parallel;
use fornax::prelude::*;
use fornax::sequence::metrics::Bleu;

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, folder, epochs) = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [kind @ ("transformer" | "gru"), folder] => (*kind, *folder, 10),
        [kind @ ("transformer" | "gru"), folder, epochs] => {
            (*kind, *folder, epochs.parse().expect("a number of epochs"))
        }
        _ => panic!("usage: translation transformer|gru FOLDER [EPOCHS]"),
    };
    let read = |part: &str| read_parallel(format!("{folder}/{part}.de.gz"), format!("{folder}/{part}.en.gz"));
    let builder = match kind {
        "transformer" => TranslatorBuilder::new(TranslationTransformer::new()),
        _ => TranslatorBuilder::new(TranslationGRU::new()),
    };
    let (translator, history) = builder.epochs(epochs).validation_data(read("val")?).fit(&read("train")?)?;
    for (epoch, record) in history.epochs().iter().enumerate() {
        println!("epoch {}: {} ({:.0} s)", epoch + 1, record.logs, record.seconds);
    }

    let (german, english): (Vec<String>, Vec<String>) = read("test_2016_flickr")?.into_iter().unzip();
    let search = BeamSearch::new(5).length_penalty(0.8);
    let best_of_five =
        translator.search(&german, &search)?.into_iter().map(|mut found| found.swap_remove(0).text);
    for (hypotheses, found) in [(1, translator.translate_batch(&german)?), (5, best_of_five.collect())] {
        println!("{hypotheses} hypotheses, for example: {}\n  {}", german[0], found[0]);
        println!("{}", Bleu::new().lowercase(true).corpus(&found, &[&english[..]])?);
    }
    Ok(())
}
