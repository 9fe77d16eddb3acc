//! What outputs an example has: wrong words drawn by frequency, and the paths of a Huffman tree.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Words drawn in proportion to a power of their counts, at the cost of one number each (Walker 1977, the alias method).
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    /// For each cell the word of its lower part, that of the rest, and where the rest begins, of 2^32.
    cells: Vec<(u32, u32)>,
}

impl Noise {
    pub(crate) fn new(counts: &[u64], exponent: f64) -> Self {
        let weights: Vec<f64> = counts.iter().map(|&count| (count as f64).powf(exponent)).collect();
        let scale = counts.len() as f64 / weights.iter().sum::<f64>();
        let mut shares: Vec<f64> = weights.into_iter().map(|weight| weight * scale).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..counts.len() as u32).partition(|&word| shares[word as usize] < 1.0);
        let mut cells: Vec<(u32, u32)> = (0..counts.len() as u32).map(|word| (word, u32::MAX)).collect();
        while let (Some(&less), Some(&more)) = (small.last(), large.last()) {
            small.pop();
            cells[less as usize] = (more, (shares[less as usize] * f64::from(u32::MAX)) as u32);
            shares[more as usize] -= 1.0 - shares[less as usize];
            if shares[more as usize] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        Self { cells }
    }

    /// The word of a number that is uniform over all of `u32`.
    #[inline]
    pub(crate) fn word(&self, bits: u32) -> u32 {
        let product = u64::from(bits) * self.cells.len() as u64;
        let (cell, rest) = ((product >> 32) as u32, product as u32);
        let (other, from) = self.cells[cell as usize];
        if rest < from { cell } else { other }
    }
}

/// The inner nodes on the way from the root to each word, those where it goes to the first child before the others.
#[derive(Clone, Debug)]
pub(crate) struct Huffman {
    nodes: Vec<u32>,
    /// Behind a word's nodes with the first child, and behind all of them.
    ends: Vec<[u32; 2]>,
}

impl Huffman {
    /// The tree with the shortest mean path (Huffman 1952). Nodes are counted from 0 in the order in which they are made.
    pub(crate) fn new(counts: &[u64]) -> Self {
        let words = counts.len();
        let mut heap: BinaryHeap<_> =
            counts.iter().zip(0..).map(|(&count, at)| Reverse((count, at))).collect();
        // Of every node but the root: its parent and whether it is the first child.
        let mut parents = vec![(0u32, false); 2 * words - 1];
        for node in words.. {
            let (Some(Reverse(first)), Some(Reverse(second))) = (heap.pop(), heap.pop()) else { break };
            let (first, second): ((u64, usize), (u64, usize)) = (first, second);
            parents[first.1] = (node as u32, true);
            parents[second.1] = (node as u32, false);
            heap.push(Reverse((first.0 + second.0, node)));
        }
        let (mut nodes, mut ends) = (vec![], vec![]);
        let root = 2 * words - 2;
        for word in 0..words {
            let (mut path, mut node) = (vec![], word);
            while node != root {
                let (parent, first) = parents[node];
                path.push((parent - words as u32, first));
                node = parent as usize;
            }
            nodes.extend(path.iter().filter(|(_, first)| *first).map(|(node, _)| node));
            let right = nodes.len() as u32;
            nodes.extend(path.iter().filter(|(_, first)| !first).map(|(node, _)| node));
            ends.push([right, nodes.len() as u32]);
        }
        Self { nodes, ends }
    }

    /// The nodes of a word's path where it goes to the first child, and the others.
    pub(crate) fn path(&self, word: u32) -> (&[u32], &[u32]) {
        let word = word as usize;
        let start = if word == 0 { 0 } else { self.ends[word - 1][1] };
        let [right, end] = self.ends[word];
        (&self.nodes[start as usize..right as usize], &self.nodes[right as usize..end as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_drawn_by_the_power_of_their_counts() {
        let counts = [1000, 100, 10, 1];
        let noise = Noise::new(&counts, 0.75);
        let mut drawn = [0u32; 4];
        let mut random = fornax_core::Philox::new(1);
        (0..1_000_000).for_each(|_| drawn[noise.word(random.next_u32()) as usize] += 1);
        let weights = counts.map(|count| f64::from(count as u32).powf(0.75));
        for (drawn, weight) in drawn.into_iter().zip(weights) {
            let wanted = 1e6 * weight / weights.iter().sum::<f64>();
            assert!((f64::from(drawn) - wanted).abs() < 5.0 * wanted.sqrt(), "{drawn}, wanted {wanted}");
        }
        assert_eq!(Noise::new(&[7], 0.75).word(u32::MAX), 0);
    }

    #[test]
    fn frequent_words_have_short_paths() {
        let huffman = Huffman::new(&[8, 4, 2, 1, 1]);
        let lengths = [0, 1, 2, 3, 4].map(|word| {
            let (right, wrong) = huffman.path(word);
            right.len() + wrong.len()
        });
        assert_eq!(lengths, [1, 2, 3, 4, 4]);
        // No path is another one's beginning: the root decides first, and it is the node made last.
        assert!((0..5).all(|word| {
            let (right, wrong) = huffman.path(word);
            right.contains(&3) != wrong.contains(&3)
        }));
        assert_eq!(Huffman::new(&[3]).path(0), (&[][..], &[][..]));
    }
}
