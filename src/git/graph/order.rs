//! The order of commits: parents first, and else by time, where no commit counts as earlier than its parents.

/// Commits by some numbering, with their parents by the same numbering.
pub(super) struct Unordered<'a> {
    pub(super) author_times: &'a [i64],
    /// Where in `parents` those of each commit begin; one more than there are commits.
    pub(super) starts: &'a [u32],
    pub(super) parents: &'a [u32],
}

impl Unordered<'_> {
    fn parents(&self, commit: u32) -> &[u32] {
        let commit = commit as usize;
        &self.parents[self.starts[commit] as usize..self.starts[commit + 1] as usize]
    }

    /// All commits in order. If commits were in a circle, which hashes forbid, some link of it would point forward.
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order = self.parents_first();
        let mut times = vec![i64::MIN; order.len()];
        let mut keys: Vec<(i64, u32)> = Vec::with_capacity(order.len());
        for (&commit, position) in order.iter().zip(0..) {
            let latest = self.parents(commit).iter().map(|&parent| times[parent as usize]).max();
            let time = self.author_times[commit as usize].max(latest.unwrap_or(i64::MIN));
            times[commit as usize] = time;
            keys.push((time, position));
        }
        keys.sort_unstable();
        let sorted = keys.iter().map(|&(_, position)| order[position as usize]).collect();
        order = sorted;
        order
    }

    /// A walk that gives out a commit after its parents; it keeps its own stack, for histories are long.
    fn parents_first(&self) -> Vec<u32> {
        let count = self.author_times.len();
        let mut order = Vec::with_capacity(count);
        let mut begun = vec![false; count];
        let mut stack: Vec<(u32, u32)> = Vec::new();
        for start in 0..count as u32 {
            if std::mem::replace(&mut begun[start as usize], true) {
                continue;
            }
            stack.push((start, 0));
            while let Some((commit, next)) = stack.last_mut() {
                match self.parents(*commit).get(*next as usize) {
                    Some(&parent) => {
                        *next += 1;
                        if !std::mem::replace(&mut begun[parent as usize], true) {
                            stack.push((parent, 0));
                        }
                    }
                    None => {
                        order.push(*commit);
                        stack.pop();
                    }
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(times: &[i64], parents: &[&[u32]]) -> Vec<u32> {
        let mut starts = vec![0];
        for parents in parents {
            starts.push(starts.last().unwrap() + parents.len() as u32);
        }
        let parents = parents.concat();
        Unordered { author_times: times, starts: &starts, parents: &parents }.order()
    }

    #[test]
    fn parents_come_first_whatever_the_clocks_say() {
        assert_eq!(order(&[3, 2, 1], &[&[], &[], &[]]), [2, 1, 0]);
        assert_eq!(order(&[1, 2, 3], &[&[1], &[2], &[]]), [2, 1, 0]);
        // 1 claims to be from long ago, but its parent is from yesterday: 2 is earlier.
        assert_eq!(order(&[10, 0, 5], &[&[], &[0], &[]]), [2, 0, 1]);
        assert_eq!(order(&[], &[]), [0u32; 0]);
    }

    #[test]
    fn a_circle_is_not_endless() {
        assert_eq!(order(&[1, 1, 1], &[&[1], &[2], &[0, 2]]).len(), 3);
    }

    proptest::proptest! {
        #[test]
        fn every_order_has_parents_first(
            commits in proptest::collection::vec((0i64..20, proptest::collection::vec(0u32..100, 0..3)), 1..100)
        ) {
            // Parents of a commit are among those before it.
            let parents: Vec<Vec<u32>> = commits.iter().zip(0u32..).map(|((_, parents), own)| {
                parents.iter().filter(|_| own > 0).map(|parent| parent % own.max(1)).collect()
            }).collect();
            let times: Vec<i64> = commits.iter().map(|commit| commit.0).collect();
            let slices: Vec<&[u32]> = parents.iter().map(Vec::as_slice).collect();
            let order = order(&times, &slices);
            let mut position = vec![usize::MAX; order.len()];
            for (at, &commit) in order.iter().enumerate() {
                position[commit as usize] = at;
            }
            for (commit, parents) in parents.iter().enumerate() {
                for &parent in parents {
                    proptest::prop_assert!(position[parent as usize] < position[commit]);
                }
            }
        }
    }
}
