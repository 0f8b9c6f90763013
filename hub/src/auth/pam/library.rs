//! `libpam.so.0`, loaded when it is needed: nothing but the hub's binary is wanted on machines that use another
//! authenticator. Only the helper process ([`super::helper`]) calls into it.
//!
//! Source of numbers and layouts: Linux-PAM's `_pam_types.h`, whose ABI has not changed since version 0.

#![expect(
    unsafe_code,
    reason = "PAM is a C library; every call here is checked by its own comment"
)]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;

use libloading::Library;

/// The library's name, which all distributions of Linux share.
pub(super) const LIBPAM: &str = "libpam.so.0";

const SUCCESS: c_int = 0;
const BUF_ERR: c_int = 5;
const CONV_ERR: c_int = 19;

const PROMPT_ECHO_OFF: c_int = 1;
const PROMPT_ECHO_ON: c_int = 2;

/// The item that holds the function which waits after a failure.
const FAIL_DELAY: c_int = 10;
const RHOST: c_int = 4;
const ESTABLISH_CRED: c_int = 2;
const REINITIALIZE_CRED: c_int = 8;

type Handle = *mut c_void;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

type Talk = extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int;

#[repr(C)]
struct Conversation {
    talk: Talk,
    data: *mut c_void,
}

type Start =
    unsafe extern "C" fn(*const c_char, *const c_char, *const Conversation, *mut Handle) -> c_int;
type Step = unsafe extern "C" fn(Handle, c_int) -> c_int;
type SetItem = unsafe extern "C" fn(Handle, c_int, *const c_void) -> c_int;
type Strerror = unsafe extern "C" fn(Handle, c_int) -> *const c_char;

/// The library's functions.
pub(super) struct Pam {
    start: Start,
    end: Step,
    authenticate: Step,
    acct_mgmt: Step,
    setcred: Step,
    open_session: Step,
    close_session: Step,
    set_item: SetItem,
    strerror: Strerror,
    /// Keeps the functions in place.
    _library: Library,
}

impl Pam {
    /// Loads the library.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(super) fn load(name: &str) -> Result<Self, String> {
        let missing = |error: libloading::Error| {
            format!(
                "the authenticator \"pam\" needs {name}, which cannot be loaded ({error}); install it (Debian: libpam0g, \
                 Fedora: pam-libs), or choose another [JupyterHub] authenticator_class"
            )
        };
        // SAFETY: loading runs the library's initialisers; this is the system's own PAM, found on the system's own path.
        let library = unsafe { Library::new(name) }.map_err(missing)?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type is that of the function of this name in Linux-PAM's headers; the library is kept.
                *unsafe { library.get($name) }.map_err(missing)?
            };
        }
        Ok(Self {
            start: function!(b"pam_start"),
            end: function!(b"pam_end"),
            authenticate: function!(b"pam_authenticate"),
            acct_mgmt: function!(b"pam_acct_mgmt"),
            setcred: function!(b"pam_setcred"),
            open_session: function!(b"pam_open_session"),
            close_session: function!(b"pam_close_session"),
            set_item: function!(b"pam_set_item"),
            strerror: function!(b"pam_strerror"),
            _library: library,
        })
    }
}

/// A step that PAM did not take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PamError {
    /// PAM's number.
    pub(super) code: i32,
    /// PAM's words.
    pub(super) text: String,
}

impl PamError {
    /// Whether this says nothing of the user: the library, a module or a directory did not work. Numbers of Linux-PAM:
    /// `OPEN_ERR`, `SYMBOL_ERR`, `SERVICE_ERR`, `SYSTEM_ERR`, `BUF_ERR`, `AUTHINFO_UNAVAIL`, `ABORT`.
    pub(super) fn is_no_answer(&self) -> bool {
        matches!(self.code, 1..=5 | 9 | 26)
    }
}

/// What the modules are answered when they ask, and what they said of waiting.
struct Answers {
    /// Those that are left, the next one last.
    left: Cell<Vec<CString>>,
    /// Whether one has been given.
    begun: Cell<bool>,
    /// Microseconds to wait after the failure.
    delay: Cell<u32>,
}

/// One conversation with PAM about one user.
pub(super) struct Transaction<'a> {
    pam: &'a Pam,
    handle: Handle,
    last: c_int,
    answers: Box<Answers>,
    /// PAM copies it at the start, but is not said to in every version.
    _conversation: Box<Conversation>,
}

impl<'a> Transaction<'a> {
    /// Begins; `answers` are given to the modules in this order.
    ///
    /// # Errors
    /// When PAM cannot even begin: the machine is not set up.
    pub(super) fn begin(
        pam: &'a Pam,
        service: &CStr,
        user: &CStr,
        mut answers: Vec<CString>,
    ) -> Result<Self, PamError> {
        answers.reverse();
        let answers = Box::new(Answers {
            left: Cell::new(answers),
            begun: Cell::new(false),
            delay: Cell::new(0),
        });
        let conversation = Box::new(Conversation {
            talk,
            data: ptr::from_ref(&*answers).cast_mut().cast(),
        });
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers are valid for the call; conversation and answers live as long as the handle, which ends
        // in `drop`.
        let code = unsafe {
            (pam.start)(
                service.as_ptr(),
                user.as_ptr(),
                ptr::from_ref(&*conversation),
                &raw mut handle,
            )
        };
        let this = Self {
            pam,
            handle,
            last: code,
            answers,
            _conversation: conversation,
        };
        this.judge(code)?;
        // Else the library sleeps by itself; the hub waits without a process.
        let wait: extern "C" fn(c_int, c_uint, *mut c_void) = note_delay;
        // SAFETY: the handle is valid; the item is a function of this very type.
        unsafe { (pam.set_item)(this.handle, FAIL_DELAY, wait as *const c_void) };
        Ok(this)
    }

    /// Tells the modules from where the user comes, for their logs and rules.
    pub(super) fn comes_from(&self, host: &CStr) {
        // SAFETY: the handle is valid; PAM copies the text.
        unsafe { (self.pam.set_item)(self.handle, RHOST, host.as_ptr().cast()) };
    }

    /// Whether the user is who they say.
    pub(super) fn authenticate(&mut self) -> Result<(), PamError> {
        self.step(self.pam.authenticate, 0)
    }

    /// Whether the account may be used now.
    pub(super) fn check_account(&mut self) -> Result<(), PamError> {
        self.step(self.pam.acct_mgmt, 0)
    }

    /// Renews credentials such as tickets; whether that works does not matter.
    pub(super) fn renew_credentials(&mut self) {
        let _ = self.step(self.pam.setcred, REINITIALIZE_CRED);
    }

    /// Opens a session.
    pub(super) fn open_session(&mut self) -> Result<(), PamError> {
        // Modules differ on whether they want it; the session is what counts.
        let _ = self.step(self.pam.setcred, ESTABLISH_CRED);
        self.step(self.pam.open_session, 0)
    }

    /// Closes a session, which need not have been opened by this process.
    pub(super) fn close_session(&mut self) -> Result<(), PamError> {
        self.step(self.pam.close_session, 0)
    }

    /// Microseconds that the modules want a failure to take.
    pub(super) fn delay(&self) -> u32 {
        self.answers.delay.get()
    }

    fn step(&mut self, function: Step, flags: c_int) -> Result<(), PamError> {
        // SAFETY: the handle is valid until `drop`.
        self.last = unsafe { function(self.handle, flags) };
        self.judge(self.last)
    }

    fn judge(&self, code: c_int) -> Result<(), PamError> {
        if code == SUCCESS {
            return Ok(());
        }
        // SAFETY: PAM takes any handle here, also a null one, and gives a text of its own that stays.
        let text = unsafe { (self.pam.strerror)(self.handle, code) };
        let text = if text.is_null() {
            format!("error {code}")
        } else {
            // SAFETY: not null, ended by a zero, static in the library.
            unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned()
        };
        Err(PamError { code, text })
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: it ends once, here.
            unsafe { (self.pam.end)(self.handle, self.last) };
        }
    }
}

/// Notes how long a failure shall take.
extern "C" fn note_delay(status: c_int, micros: c_uint, data: *mut c_void) {
    if status != SUCCESS && !data.is_null() {
        // SAFETY: `data` is what the conversation was begun with, which lives as long as the handle.
        let answers = unsafe { &*data.cast::<Answers>() };
        answers.delay.set(micros);
    }
}

/// Answers the modules: each question for something hidden gets the next answer; what is said is not repeated.
extern "C" fn talk(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    let Ok(count) = usize::try_from(count) else {
        return CONV_ERR;
    };
    if count == 0 || messages.is_null() || responses.is_null() || data.is_null() {
        return CONV_ERR;
    }
    // SAFETY: calloc's memory is zeroed: no text, code 0. PAM frees it, and the texts, with free().
    let list = unsafe { libc::calloc(count, size_of::<Response>()) }.cast::<Response>();
    if list.is_null() {
        return BUF_ERR;
    }
    // SAFETY: see note_delay.
    let answers = unsafe { &*data.cast::<Answers>() };
    for index in 0..count {
        // SAFETY: Linux-PAM gives an array of `count` pointers to messages; the list has as many places.
        let (message, response) = unsafe { (&**messages.add(index), &mut *list.add(index)) };
        let Ok(answer) = answers.to(message.style) else {
            // SAFETY: the list and its texts are ours until we return success.
            unsafe { forget(list, count) };
            return CONV_ERR;
        };
        if let Some(answer) = answer {
            // SAFETY: a valid text; the copy is PAM's to free.
            response.text = unsafe { libc::strdup(answer.as_ptr()) };
        }
    }
    // SAFETY: not null, checked above.
    unsafe { *responses = list };
    SUCCESS
}

impl Answers {
    /// The answer to a message: none for what is only said, an error for what nobody can answer. What may be seen while
    /// it is typed is answered only after something hidden was: a one-time password, never the password.
    fn to(&self, style: c_int) -> Result<Option<CString>, ()> {
        match style {
            PROMPT_ECHO_OFF => {}
            PROMPT_ECHO_ON if self.begun.get() => {}
            PROMPT_ECHO_ON => return Err(()),
            _ => return Ok(None),
        }
        let mut left = self.left.take();
        let answer = left.pop();
        self.left.set(left);
        self.begun.set(true);
        answer.map(Some).ok_or(())
    }
}

/// Frees a list of responses that PAM does not get.
///
/// # Safety
/// `list` is calloc's, with `count` places whose texts are strdup's or null.
unsafe fn forget(list: *mut Response, count: usize) {
    for index in 0..count {
        // SAFETY: by the caller.
        unsafe { libc::free((*list.add(index)).text.cast()) };
    }
    // SAFETY: by the caller.
    unsafe { libc::free(list.cast()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_told_with_what_to_do() {
        let why = Pam::load("libpam-of-nowhere.so.0").err().unwrap();
        assert!(
            why.contains("needs libpam-of-nowhere.so.0") && why.contains("libpam0g"),
            "{why}"
        );
    }

    #[test]
    fn hidden_questions_are_answered_in_order_and_no_more_often() {
        let answers = Answers {
            left: Cell::new(vec![c"123456".to_owned(), c"secret".to_owned()]),
            begun: Cell::new(false),
            delay: Cell::new(0),
        };
        assert_eq!(
            answers.to(PROMPT_ECHO_ON),
            Err(()),
            "a password is not shown"
        );
        assert_eq!(answers.to(4), Ok(None));
        assert_eq!(answers.to(PROMPT_ECHO_OFF), Ok(Some(c"secret".to_owned())));
        assert_eq!(answers.to(PROMPT_ECHO_ON), Ok(Some(c"123456".to_owned())));
        assert_eq!(answers.to(PROMPT_ECHO_OFF), Err(()));
    }
}
