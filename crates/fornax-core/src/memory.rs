//! What the allocator does with memory that is freed.

/// Tells glibc's allocator, for the whole process and once, to keep what is freed: it would give large buffers back to the system
/// and fetch them, page by page, in the next step or the next call. Buffers that are larger than a heap of another thread than the
/// first one (64 MiB) come from the system all the same. Training and the truncated SVD call it; with other allocators it does
/// nothing.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            // SAFETY: `mallopt` may be called at any time; it locks the allocator.
            unsafe {
                libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
                libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
            }
        });
    }
}
