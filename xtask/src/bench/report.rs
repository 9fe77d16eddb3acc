//! What a race printed: medians, ratios to the best peer, and shares of the machine's ceiling.

use super::race::Times;
use super::{BACKENDS, PEERS};

/// Multiply-adds of the ceiling, a product of matrices of 1024 x 1024, in GFLOP.
const CEILING: f64 = 2.0 * 1024.0 * 1024.0 * 1024.0 / 1e9;

/// The part of the ceiling's rate that a bench of products reached in the same run.
fn share(times: &Times, contender: &str, bench: &str) -> Option<f64> {
    let ceiling = 1e3 * CEILING / times.median(contender, "gemm")?;
    Some(times.median(contender, &format!("{bench} gflops"))? / ceiling)
}

fn shown(threads: usize) -> String {
    if threads == 0 { "default".into() } else { threads.to_string() }
}

fn ceilings(threads: usize, times: &Times) {
    let Some((gemm, copy)) = times.median("fornax-flex", "gemm").zip(times.median("fornax-flex", "copy"))
    else {
        return;
    };
    println!(
        "ceilings, threads {}: gemm 1024 {gemm:.2} ms ({:.0} GFLOP/s), copy of 8 MiB {copy:.3} ms",
        shown(threads),
        1e3 * CEILING / gemm
    );
}

/// Ours against every peer, a line a bench and backend.
pub(super) fn peers(benches: &[String], threads: usize, times: &Times, json: bool) {
    if !json {
        ceilings(threads, times);
    }
    let threads = shown(threads);
    for bench in benches {
        let peers: Vec<(&str, f64)> =
            PEERS.iter().filter_map(|(name, ..)| Some((*name, times.median(name, bench)?))).collect();
        let best = peers.iter().map(|(_, ms)| *ms).fold(f64::INFINITY, f64::min);
        for backend in BACKENDS {
            let contender = format!("fornax-{backend}");
            let Some(ours) = times.median(&contender, bench) else { continue };
            let (ratio, share) = (best / ours, share(times, &contender, bench));
            if json {
                let peers: Vec<String> =
                    peers.iter().map(|(name, ms)| format!("\"{name}\":{ms:.5}")).collect();
                let share = share.map_or("null".into(), |share| format!("{share:.3}"));
                println!(
                    "{{\"bench\":\"{bench}\",\"backend\":\"{backend}\",\"threads\":\"{threads}\",\"ours_ms\":{ours:.5},\
                     \"peers\":{{{}}},\"ratio_best_peer\":{ratio:.3},\"share_of_ceiling\":{share}}}",
                    peers.join(",")
                );
            } else {
                let peers: Vec<String> = peers.iter().map(|(name, ms)| format!("{name} {ms:.4}")).collect();
                let share =
                    share.map_or(String::new(), |share| format!("  {:.0} % of the ceiling", 100.0 * share));
                println!(
                    "{bench:<16} {backend:<8} threads {threads:<8} ours {ours:.4} ms  {}  ratio {ratio:.2}{share}",
                    peers.join("  ")
                );
            }
        }
    }
}

/// The share of the ceiling of drawn models beside that of the named ones.
pub(super) fn shares(benches: &[String], threads: usize, times: &Times) {
    ceilings(threads, times);
    for backend in BACKENDS {
        for bench in benches {
            let Some(share) = share(times, &format!("fornax-{backend}"), bench) else { continue };
            println!(
                "{bench:<20} {backend:<8} threads {:<8} {:.0} % of the ceiling",
                shown(threads),
                100.0 * share
            );
        }
    }
}

/// Whole programs: wall time and peak memory.
pub(super) fn processes(times: &Times) {
    for contender in ["fornax-flex", "fornax-ndarray", "keras"] {
        let figure = |name: &str| times.median(contender, name).unwrap_or(f64::NAN);
        let keras = |name: &str| times.median("keras", name).unwrap_or(f64::NAN) / figure(name);
        println!(
            "dense-process {contender:<16} {:.2} s (Keras takes {:.1} times), {:.0} MiB (Keras {:.1} times)",
            figure("ms") / 1e3,
            keras("ms"),
            figure("mib"),
            keras("mib")
        );
    }
}
