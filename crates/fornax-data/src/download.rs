//! Files from the web: resumed where a connection broke, and kept only if their content is the published one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fornax_core::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::StatusCode;

use crate::files;

/// How often a broken connection is taken up again.
const RETRIES: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// What is told of a download's progress: the bytes there are and, where the server says so, the bytes there will
/// be.
pub type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// Downloads `url` to `path`.
///
/// The content goes to `path` with `.partial` added; what a former try left there is continued with a `Range`
/// request. A connection that breaks is taken up again, four times at most. At the end the SHA-256 of the content
/// (of the uncompressed content, if it is gzipped) has to be one of `sha256s`, in hexadecimal, and the file takes
/// its name; with an empty list anything is taken. A file that does not match is deleted, and downloaded once more
/// from its start if it was a continued one.
///
/// ```no_run
/// let url = "https://archive.ics.uci.edu/ml/machine-learning-databases/breast-cancer-wisconsin/wdbc.data";
/// let hash = "d606af411f3e5be8a317a5a8b652b425aaf0ff38ca683d5327ffff94c3695f4a";
/// fornax_data::download::with_bar("wdbc.data", |progress| {
///     fornax_data::download::download(url, "data/wdbc/wdbc.data", &[hash], progress)
/// })?;
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If the server refuses or cannot be reached, if the file cannot be written, or if the content does not match.
pub fn download(url: &str, path: impl AsRef<Path>, sha256s: &[&str], progress: Progress) -> Result<()> {
    let path = path.as_ref();
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let partial = path.with_file_name(name);
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|error| Error::io(dir, "create", error))?;
    }
    let mut continued = length(&partial) > 0;
    loop {
        fetch(url, &partial, progress)?;
        match verify(&partial, sha256s) {
            Ok(()) => return fs::rename(&partial, path).map_err(|error| Error::io(path, "rename", error)),
            Err(error) => {
                fs::remove_file(&partial).map_err(|error| Error::io(&partial, "delete", error))?;
                if !std::mem::take(&mut continued) {
                    return Err(error.within(format!("download of {url}")));
                }
            }
        }
    }
}

/// The SHA-256 of a file's content, in hexadecimal; of the uncompressed content, if it is gzipped.
///
/// # Errors
/// If the file cannot be read or is not a whole gzip stream.
pub fn sha256(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let mut reader = files::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer).map_err(|error| files::read_error(path, error))? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Checks that the content of a file is one of those published; with an empty list anything is.
///
/// # Errors
/// If it is another, or if the file cannot be read.
pub fn verify(path: impl AsRef<Path>, sha256s: &[&str]) -> Result<()> {
    if sha256s.is_empty() {
        return Ok(());
    }
    let found = sha256(&path)?;
    match sha256s.iter().any(|wanted| wanted.eq_ignore_ascii_case(&found)) {
        true => Ok(()),
        false => Err(Error::format(path, "content", format!("SHA-256 {found}"), sha256s.join(" or "))),
    }
}

/// Runs `work` with a progress bar on the terminal, for a program with a user in front of it.
///
/// # Errors
/// Those of `work`.
pub fn with_bar<T>(label: &str, work: impl FnOnce(Progress) -> Result<T>) -> Result<T> {
    let bar = ProgressBar::no_length().with_prefix(label.to_string());
    let template = "{prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let result = work(&mut |done, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    });
    match &result {
        Ok(_) => bar.finish(),
        Err(_) => bar.abandon(),
    }
    result
}

/// What went wrong, and whether another try may help.
enum Failure {
    Passing(Error),
    Final(Error),
}

fn fetch(url: &str, partial: &Path, progress: Progress) -> Result<()> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // What arrives has to be what the file holds, or a Range would not fit.
        .accept_encoding("identity")
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build();
    let agent = Agent::new_with_config(config);
    let mut tries = 0;
    loop {
        match fetch_once(&agent, url, partial, progress) {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(error)) if tries == RETRIES => return Err(error),
            Err(Failure::Passing(_)) => {
                std::thread::sleep(Duration::from_millis(100 << tries));
                tries += 1;
            }
        }
    }
}

fn fetch_once(agent: &Agent, url: &str, partial: &Path, progress: Progress) -> Result<(), Failure> {
    let web_error = |error: io::Error| Error::io(PathBuf::from(url), "download", error);
    let mut start = length(partial);
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header("Range", format!("bytes={start}-"));
    }
    let response = request.call().map_err(|error| {
        let passing =
            matches!(error, ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed);
        let error = web_error(io::Error::other(error));
        if passing { Failure::Passing(error) } else { Failure::Final(error) }
    })?;
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    match response.status() {
        StatusCode::OK => start = 0,
        StatusCode::PARTIAL_CONTENT if range.and_then(range_start) == Some(start) => {}
        // All is there already, unless the file on the server is another one now.
        StatusCode::RANGE_NOT_SATISFIABLE if range == Some(&format!("bytes */{start}")) => return Ok(()),
        status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE) => {
            fs::remove_file(partial).map_err(|error| Failure::Final(Error::io(partial, "delete", error)))?;
            return Err(Failure::Passing(web_error(io::Error::other(format!("HTTP status {status}")))));
        }
        status => {
            let error = web_error(io::Error::other(format!("HTTP status {status}")));
            let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
            return Err(if passing { Failure::Passing(error) } else { Failure::Final(error) });
        }
    }
    let written = |action| move |error| Failure::Final(Error::io(partial, action, error));
    let mut file = match start {
        0 => File::create(partial),
        _ => OpenOptions::new().append(true).open(partial),
    }
    .map_err(written("create"))?;
    let total = response.body().content_length().map(|rest| start + rest);
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    progress(start, total);
    loop {
        match reader.read(&mut buffer).map_err(|error| Failure::Passing(web_error(error)))? {
            0 => break,
            count => {
                file.write_all(&buffer[..count]).map_err(written("write"))?;
                start += count as u64;
                progress(start, total);
            }
        }
    }
    match total {
        Some(total) if total != start => {
            Err(Failure::Passing(web_error(io::ErrorKind::UnexpectedEof.into())))
        }
        _ => Ok(()),
    }
}

/// Where the content of `bytes 100-199/200` starts.
fn range_start(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A server on the loopback interface that answers each request by `answer(number, start of its range)`; the
    /// answer is sent as it is and the connection closed. Returns the address and the ranges that were asked for.
    fn serve(
        answer: impl Fn(usize, Option<usize>) -> Vec<u8> + Send + 'static,
    ) -> (String, Arc<Mutex<Vec<Option<usize>>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(vec![]));
        let ranges = asked.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut start = None;
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap().to_ascii_lowercase();
                    if line.is_empty() {
                        break;
                    }
                    if let Some(range) = line.strip_prefix("range: bytes=") {
                        start = Some(range.trim_end_matches('-').parse().unwrap());
                    }
                }
                ranges.lock().unwrap().push(start);
                // The client may hang up first; that is its right.
                let _ = stream.write_all(&answer(number, start));
            }
        });
        (url, asked)
    }

    fn content() -> Vec<u8> {
        (0..200_000u32).map(|x| (x.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn hash(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn ok(body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    fn part(body: &[u8], start: usize) -> Vec<u8> {
        let (len, last, rest) = (body.len(), body.len() - 1, body.len() - start);
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {rest}\r\nContent-Range: bytes {start}-{last}/{len}\r\n\
             Connection: close\r\n\r\n"
        );
        [head.as_bytes(), &body[start..]].concat()
    }

    /// Downloads into a fresh folder (with `before` as what a former try left) and tells what lies there then.
    fn get(url: &str, before: &[u8], hash: &str) -> (Result<()>, Vec<(String, Vec<u8>)>) {
        let dir = tempfile::tempdir().unwrap();
        if !before.is_empty() {
            fs::write(dir.path().join("x.partial"), before).unwrap();
        }
        let result = download(url, dir.path().join("x"), &["00", hash], &mut |_, _| {});
        let list =
            |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        (result, fs::read_dir(dir.path()).unwrap().map(|entry| list(entry.unwrap())).collect())
    }

    #[test]
    fn a_good_server() {
        let (url, _) = serve(|_, _| ok(&content()));
        let (result, files) = get(&url, &[], &hash(&content()));
        result.unwrap();
        assert_eq!(files, [("x".to_string(), content())]);
        let mut seen = vec![];
        let dir = tempfile::tempdir().unwrap();
        download(&url, dir.path().join("new/x"), &[], &mut |done, total| seen.push((done, total))).unwrap();
        assert_eq!(seen.first(), Some(&(0, Some(200_000))));
        assert_eq!(seen.last(), Some(&(200_000, Some(200_000))));
    }

    #[test]
    fn a_cut_connection_is_resumed_where_it_broke() {
        let (url, asked) = serve(|number, start| {
            let whole = start.map_or_else(|| ok(&content()), |start| part(&content(), start));
            if number < 2 { whole[..whole.len() - 60_000 / (number + 1)].to_vec() } else { whole }
        });
        let (result, files) = get(&url, &[], &hash(&content()));
        result.unwrap();
        assert_eq!(files, [("x".to_string(), content())]);
        assert_eq!(*asked.lock().unwrap(), [None, Some(140_000), Some(170_000)]);
    }

    #[test]
    fn a_server_without_ranges_starts_again() {
        let (url, asked) = serve(|number, _| {
            let whole = ok(&content());
            if number == 0 { whole[..100_000].to_vec() } else { whole }
        });
        let (result, files) = get(&url, &[], &hash(&content()));
        result.unwrap();
        assert_eq!(files, [("x".to_string(), content())]);
        assert!(matches!(asked.lock().unwrap()[..], [None, Some(_)]));
    }

    #[test]
    fn what_a_former_try_left_is_continued_unless_it_is_something_else() {
        let answer =
            |_, start: Option<usize>| start.map_or_else(|| ok(&content()), |start| part(&content(), start));
        let (url, asked) = serve(answer);
        let (result, files) = get(&url, &content()[..1000], &hash(&content()));
        result.unwrap();
        assert_eq!(files, [("x".to_string(), content())]);
        let (result, files) = get(&url, &[7; 1000], &hash(&content()));
        result.unwrap();
        assert_eq!(files, [("x".to_string(), content())]);
        assert_eq!(*asked.lock().unwrap(), [Some(1000), Some(1000), None]);
        // A whole partial file: the server has nothing to add.
        let (url, _) = serve(|_, _| {
            b"HTTP/1.1 416 No\r\nContent-Range: bytes */200000\r\nContent-Length: 0\r\n\r\n".to_vec()
        });
        get(&url, &content(), &hash(&content())).0.unwrap();
    }

    #[test]
    fn corrupted_content_is_refused_and_deleted() {
        let (url, asked) = serve(|_, _| {
            let mut bytes = content();
            bytes[77] ^= 1;
            ok(&bytes)
        });
        let (result, files) = get(&url, &[], &hash(&content()));
        let error = result.unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains(&hash(&content())), "{error}");
        assert_eq!(files, []);
        assert_eq!(asked.lock().unwrap().len(), 1);
    }

    #[test]
    fn refusals_end_at_once_and_broken_servers_after_a_few_tries() {
        let (url, asked) = serve(|_, _| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
        let (result, files) = get(&url, &[], "");
        assert!(result.unwrap_err().to_string().contains("404"));
        assert_eq!((files.len(), asked.lock().unwrap().len()), (0, 1));
        let (url, asked) =
            serve(|_, _| b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec());
        assert!(get(&url, &[], "").0.unwrap_err().to_string().contains("503"));
        assert_eq!(asked.lock().unwrap().len() as u32, 1 + RETRIES);
        assert!(get("no address", &[], "").0.is_err());
    }

    #[test]
    fn the_hash_is_that_of_the_uncompressed_content() {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(&content()).unwrap();
        let packed = encoder.finish().unwrap();
        let sent = packed.clone();
        let (url, _) = serve(move |_, _| ok(&sent));
        let (result, files) = get(&url, &[], &hash(&content()).to_uppercase());
        result.unwrap();
        assert_eq!(files, [("x".to_string(), packed)]);
    }
}
