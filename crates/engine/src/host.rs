//! The processor at hand, as far as it shapes compiled code.
//!
//! Code is compiled with all that the processor offers. The list of that goes into the compatibility hash, so that a
//! cache that is shared by different machines keeps their code apart.

/// The processor's architecture and features, in one line.
pub(crate) fn processor() -> String {
    format!("{} {}", std::env::consts::ARCH, features().join(" "))
}

/// The features that Cranelift asks for on this architecture.
#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt)*) => {
            [$(($name, std::arch::is_x86_feature_detected!($name))),*]
        };
    }
    let all = detected!(
        "cmpxchg16b" "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "avxvnni" "bmi1" "bmi2" "lzcnt"
        "avx512bitalg" "avx512dq" "avx512f" "avx512vl" "avx512vbmi" "avx512vnni"
    );
    all.into_iter().filter_map(|(name, present)| present.then_some(name)).collect()
}

/// The features that Cranelift asks for on this architecture.
#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt)*) => {
            [$(($name, std::arch::is_aarch64_feature_detected!($name))),*]
        };
    }
    let all = detected!("lse" "paca" "fp16" "dotprod" "i8mm");
    all.into_iter().filter_map(|(name, present)| present.then_some(name)).collect()
}

/// The kernel's own list, where the standard library has none.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let listed = text.lines().filter_map(|line| line.split_once(':'));
    let mut features = listed.filter(|(key, _)| matches!(key.trim(), "isa" | "features"));
    features.next().map(|(_, list)| list.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}
