//! What a program inherits through exec, reset to what a fresh process has: signal dispositions, signal mask, descriptors.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

/// The highest signal number of Linux (x86, Arm, RISC-V, POWER, z).
const LAST_SIGNAL: libc::c_int = 64;

/// Size of the kernel's signal set for 64 signals.
const KERNEL_SIGSET_BYTES: usize = 8;

/// Gives every signal its default action and blocks none. An ignored signal (SIGPIPE in every Rust program, SIGHUP under
/// nohup) would stay ignored in the program.
///
/// # Errors
/// When the signal mask cannot be set.
pub(super) fn reset_signals() -> io::Result<()> {
    // The kernel's own `struct sigaction`, all zero: SIG_DFL, no flags, empty mask. Larger than on any Linux platform.
    let default_action = [0_u64; 8];
    for signal in 1..=LAST_SIGNAL {
        // libc's `sigaction` refuses the two signals that it keeps for itself, and those too may be ignored by whoever
        // started the hub; hence the system call. It fails for SIGKILL and SIGSTOP, which have no other action anyway.
        #[expect(unsafe_code, reason = "there is no safe way to set a signal's action")]
        // SAFETY: SIG_DFL installs no handler, this process has one thread, and the kernel only reads the array.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default_action.as_ptr(),
                std::ptr::null_mut::<u64>(),
                KERNEL_SIGSET_BYTES,
            );
        }
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

/// Marks every descriptor from 3 on as close-on-exec, so that the program has 0, 1 and 2 only.
///
/// # Errors
/// When the open descriptors cannot be listed.
pub(super) fn close_others_on_exec() -> io::Result<()> {
    #[expect(unsafe_code, reason = "close_range has no safe binding")]
    // SAFETY: only flags are set; no descriptor is closed while this process runs.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3_u32,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result == 0 {
        return Ok(());
    }
    // Kernels before 5.11 cannot set the flag for a range.
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(fd) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if fd > 2 {
            #[expect(unsafe_code, reason = "the descriptor is known by its number only")]
            // SAFETY: only a flag is set; a descriptor that is closed meanwhile gives EBADF.
            unsafe {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
    }
    Ok(())
}
