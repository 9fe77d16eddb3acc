//! Texts of ten topics from a grammar, as word indices.

use fornax_core::{Array, Philox};

use crate::Dataset;
use crate::text::{LabelledTexts, Padding, Side};

/// Words that all topics share, from index 1 on.
const COMMON: usize = 999;
/// Words of each topic.
const OWN: usize = 900;
const TOPICS: usize = 10;

/// What stands at the places of a sentence.
#[derive(Clone, Copy)]
enum Word {
    /// One of the first of the common words: an article, a preposition.
    Function,
    /// Any common word.
    Common,
    /// A word of the text's topic, now and then of another.
    Topic,
}

/// The sentences of the grammar: noun phrases around a verb, of which few words tell the topic.
const SENTENCES: [&[Word]; 4] = {
    use Word::{Common, Function, Topic};
    [
        &[Function, Topic, Common, Function, Common],
        &[Function, Common, Common, Common, Function, Function, Common],
        &[Common, Common, Function, Common, Topic, Function, Common, Common],
        &[Function, Common, Topic, Function, Common, Common],
    ]
};

/// `count` **synthetic** texts of at most `length` words: inputs `[count, length]`, word indices below 10 000 with 0s before
/// a shorter text, and labels `[count]` of ten topics, balanced to within one sample and in random order. A text is a row of
/// sentences of a grammar; most of its words are common to all topics. The same count, length and seed give the same texts on
/// every machine.
///
/// ```
/// let data = fornax_data::synthetic::topics(20, 100, 1);
/// assert_eq!(data.inputs()[0].shape(), [20, 100]);
/// assert!(data.inputs()[0].to_i32().iter().all(|&word| (0..10_000).contains(&word)));
/// ```
pub fn topics(count: usize, length: usize, seed: u64) -> Dataset {
    let (texts, labels) = drawn(count, length, seed);
    let padding = Padding::new().length(length).pad(Side::Pre);
    let words = if count * length == 0 {
        Array::from_i32([count, length], vec![])
    } else {
        padding.apply(&texts).map(|padded| padded.array)
    };
    Dataset::new(words.expect("a word a place"), labels).expect("one label a text")
}

/// The texts of [`topics`] written out: words of syllables, one an index, and full stops.
///
/// ```
/// let texts = fornax_data::synthetic::topic_texts(20, 100, 1);
/// assert_eq!(texts.class_counts(), [2; 10]);
/// ```
pub fn topic_texts(count: usize, length: usize, seed: u64) -> LabelledTexts {
    let (texts, labels) = drawn(count, length, seed);
    let written =
        |text: &Vec<i32>| text.iter().map(|&word| spelled(word as usize)).collect::<Vec<_>>().join(" ") + ".";
    let names = (0..TOPICS).map(|topic| format!("topic {topic}")).collect();
    LabelledTexts::new(texts.iter().map(written).collect(), labels, names).expect("one label a text")
}

/// A word of a syllable for each digit of its index to the base 25.
fn spelled(mut index: usize) -> String {
    const CONSONANTS: [&str; 5] = ["b", "k", "m", "s", "t"];
    const VOWELS: [&str; 5] = ["a", "e", "i", "o", "u"];
    let mut word = String::new();
    while index > 0 || word.is_empty() {
        word.extend([CONSONANTS[index % 5], VOWELS[index / 5 % 5]]);
        index /= 25;
    }
    word
}

/// The indices of the words of texts, and their topics.
fn drawn(count: usize, length: usize, seed: u64) -> (Vec<Vec<i32>>, Vec<i32>) {
    let random = Philox::new(seed).named("topics");
    let order = random.named("order").permutation(count);
    let labels: Vec<i32> = order.into_iter().map(|at| (at % TOPICS) as i32).collect();
    let texts = labels.iter().zip(0..).map(|(&label, sample)| {
        let mut random = random.stream(sample);
        let len = length / 2 + random.below(length / 2 + 1);
        text(label as usize, len, &mut random)
    });
    (texts.collect(), labels)
}

/// `length` words of sentences one behind the other.
fn text(topic: usize, length: usize, random: &mut Philox) -> Vec<i32> {
    let mut words = vec![];
    while words.len() < length {
        for word in SENTENCES[random.below(SENTENCES.len())] {
            words.push(match word {
                Word::Function => 1 + random.below(50),
                Word::Common => 1 + frequent_first(COMMON, random),
                Word::Topic => {
                    let topic = if random.below(4) == 0 { random.below(TOPICS) } else { topic };
                    1 + COMMON + topic * OWN + frequent_first(OWN, random)
                }
            } as i32);
        }
    }
    words.truncate(length);
    words
}

/// A number below `bound`, small ones more often: about as the words of a language are distributed.
fn frequent_first(bound: usize, random: &mut Philox) -> usize {
    let at = (bound as f32 + 1.0).powf(random.uniform_in(0.0, 1.0)) - 1.0;
    (at as usize).min(bound - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_the_topic_and_most_do_not() {
        let data = topics(200, 100, 4);
        let (words, labels) = (data.inputs()[0].to_i32(), data.targets()[0].to_i32());
        let (mut right, mut common) = (0, 0);
        for (text, &label) in words.chunks(100).zip(&labels) {
            let own = |topic: usize| {
                let first = 1 + COMMON + topic * OWN;
                text.iter().filter(|&&word| (first..first + OWN).contains(&(word as usize))).count()
            };
            right += usize::from((0..TOPICS).max_by_key(|&topic| own(topic)) == Some(label as usize));
            common += text.iter().filter(|&&word| (1..=COMMON as i32).contains(&word)).count();
            let first = text.iter().position(|&word| word != 0).unwrap();
            assert!(first <= 50 && text[first..].iter().all(|&word| word > 0), "padding is in front");
        }
        assert!(right > 190, "{right} of 200 by counting");
        assert!(common > words.iter().filter(|&&word| word > 0).count() * 3 / 4);
        assert!((0..10).all(|topic| labels.iter().filter(|&&label| label == topic).count() == 20));
        assert_eq!(topics(200, 100, 4).inputs()[0].to_i32(), words);
    }

    #[test]
    fn written_texts_have_a_word_an_index() {
        let words: std::collections::HashSet<String> = (0..10_000).map(spelled).collect();
        assert_eq!(words.len(), 10_000);
        let (data, texts) = (topics(30, 40, 2), topic_texts(30, 40, 2));
        assert_eq!(data.targets()[0].to_i32(), texts.labels());
        for (row, text) in data.inputs()[0].to_i32().chunks(40).zip(texts.texts()) {
            let written: Vec<&str> = text.trim_end_matches('.').split(' ').collect();
            let spelled: Vec<String> =
                row.iter().filter(|&&word| word > 0).map(|&word| spelled(word as usize)).collect();
            assert_eq!(written, spelled);
        }
        assert_eq!(topics(0, 5, 1).len(), 0);
    }
}
