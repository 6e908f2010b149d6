//! One Jibri of the kit's model as a process of its own; `--help` lists its arguments.

fn main() {
    testkit::process::be_a_jibri_if_asked();
    testkit::process::be_a_jibri(std::env::args().skip(1).collect());
}
