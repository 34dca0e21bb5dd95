//! CloudFront: its access logs.

mod columns;
mod realtime;
mod row;
mod standard;

pub use realtime::{CloudFrontRealtime, InvalidColumns};
pub use standard::CloudFrontStandard;
