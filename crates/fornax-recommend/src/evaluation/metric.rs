//! [`RankingMetric`]: what the ranks of a user's relevant items say. Variants that the literature mixes up have names of their
//! own.

/// A figure of one user's list, from 0 to 1, more is better; `k` is that of the [`Evaluation`](super::Evaluation).
///
/// With `n` relevant items at the ranks `r_1 < r_2 < ...`, of which `h` are at most `k`:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankingMetric {
    /// `h / k`.
    Precision,
    /// `h / n`.
    Recall,
    /// `h / min(k, n)`: 1 can be reached.
    CappedRecall,
    /// `(sum of j / r_j for j <= h) / n`, as Microsoft's recommenders have MAP.
    AveragePrecision,
    /// `(sum of j / r_j for j <= h) / min(k, n)`, as RecBole and Kaggle have MAP.
    CappedAveragePrecision,
    /// `(sum of 1 / log2(r_j + 1) for j <= h) / (sum of 1 / log2(j + 1) for j <= min(k, n))`: every relevant item has the gain
    /// 1 (Järvelin and Kekäläinen 2002).
    Ndcg,
    /// `1 / r_1` if `r_1 <= k`, else 0.
    ReciprocalRank,
    /// 1 if `r_1 <= k`, else 0.
    HitRate,
    /// The share of pairs of a relevant and another candidate that are in the right order, over the whole list; 1 where there is
    /// no other candidate.
    Auc,
}

impl RankingMetric {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Precision,
        Self::Recall,
        Self::CappedRecall,
        Self::AveragePrecision,
        Self::CappedAveragePrecision,
        Self::Ndcg,
        Self::ReciprocalRank,
        Self::HitRate,
        Self::Auc,
    ];

    /// The name in tables, with the place of the cut.
    pub fn name(self, k: usize) -> String {
        match self {
            Self::Precision => format!("precision@{k}"),
            Self::Recall => format!("recall@{k}"),
            Self::CappedRecall => format!("capped recall@{k}"),
            Self::AveragePrecision => format!("MAP@{k}"),
            Self::CappedAveragePrecision => format!("capped MAP@{k}"),
            Self::Ndcg => format!("nDCG@{k}"),
            Self::ReciprocalRank => format!("MRR@{k}"),
            Self::HitRate => format!("HR@{k}"),
            Self::Auc => "AUC".into(),
        }
    }

    /// The value for ranks (from 1, ascending, at least one) among so many candidates.
    pub(super) fn value(self, ranks: &[u32], candidates: usize, k: usize) -> f64 {
        let relevant = ranks.len() as f64;
        let capped = ranks.len().min(k);
        let hits = ranks.iter().take_while(|&&rank| rank as usize <= k).count();
        let precisions = || {
            let each = ranks[..hits].iter().zip(1..).map(|(&rank, hit)| f64::from(hit) / f64::from(rank));
            // Nothing sums up to -0.
            each.sum::<f64>().abs()
        };
        let discount = |rank: f64| 1.0 / (rank + 1.0).log2();
        match self {
            Self::Precision => hits as f64 / k as f64,
            Self::Recall => hits as f64 / relevant,
            Self::CappedRecall => hits as f64 / capped as f64,
            Self::AveragePrecision => precisions() / relevant,
            Self::CappedAveragePrecision => precisions() / capped as f64,
            Self::Ndcg => {
                let found: f64 = ranks[..hits].iter().map(|&rank| discount(f64::from(rank))).sum();
                found / (1..=capped).map(|rank| discount(rank as f64)).sum::<f64>()
            }
            Self::ReciprocalRank => {
                if hits > 0 {
                    1.0 / f64::from(ranks[0])
                } else {
                    0.0
                }
            }
            Self::HitRate => f64::from(u8::from(hits > 0)),
            Self::Auc => {
                let others = (candidates - ranks.len()) as f64;
                let above: f64 =
                    ranks.iter().zip(1..).map(|(&rank, place)| f64::from(rank) - f64::from(place)).sum();
                if others == 0.0 { 1.0 } else { 1.0 - above / (relevant * others) }
            }
        }
    }
}
