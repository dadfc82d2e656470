//! The sheets are part of the binary: when one changes, the crate is built again.

fn main() {
    println!("cargo:rerun-if-changed=data");
}
