#![no_main]

dendro_fuzz::format_target!("key_value");
