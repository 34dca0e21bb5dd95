#![no_main]

dendro_fuzz::format_target!("postgres");
