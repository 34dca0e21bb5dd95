//! Elastic Load Balancing: the access logs of Application and Classic Load Balancers.

mod access;
mod columns;
mod line;

pub use access::LoadBalancerAccess;
