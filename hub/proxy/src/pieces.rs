//! Small pieces are written as one: heads and short bodies come apart, and the kernel takes one buffer with less ado
//! (`send`) than several (`writev`), by more than it costs to copy so little.

use std::io::IoSlice;

/// What is copied at most, in bytes.
pub(crate) const SMALL: usize = 2048;

/// The pieces as one, if they are small; a single piece stays where it is.
pub(crate) fn joined<'a>(
    pieces: &'a [IoSlice<'_>],
    space: &'a mut [u8; SMALL],
) -> Option<&'a [u8]> {
    if let [only] = pieces {
        return Some(only);
    }
    let mut end = 0;
    for piece in pieces {
        space
            .get_mut(end..end + piece.len())?
            .copy_from_slice(piece);
        end += piece.len();
    }
    Some(&space[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_become_one() {
        let long = vec![7; SMALL];
        for (pieces, expected) in [
            (vec![&b"ab"[..], b"", b"cd"], Some(b"abcd".to_vec())),
            (vec![&long[..1000], &long[..1048]], Some(long.clone())),
            (vec![&long[..], b"x"], None),
            (vec![&b"x"[..], &long], None),
            (
                vec![&[long.clone(), long.clone()].concat()[..]],
                Some(vec![7; 2 * SMALL]),
            ),
            (vec![], Some(vec![])),
        ] {
            let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut space = [0; SMALL];
            assert_eq!(joined(&slices, &mut space).map(<[u8]>::to_vec), expected);
        }
    }
}
