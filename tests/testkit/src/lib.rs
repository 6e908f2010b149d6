//! A real Prosody, and honest models of people, Jicofo and Jibri.
