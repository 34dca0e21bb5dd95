//! AWS: the logs of CloudFront, of load balancers and of Lambda, and the envelope of CloudWatch Logs.
//!
//! From AWS's documentation of [standard](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html) and
//! [real-time](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/real-time-logs.html) logs of CloudFront, and of the access logs of
//! [Application](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html) and
//! [Classic](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html) Load Balancers; of Lambda's
//! [Telemetry API](https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html), of [subscriptions](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html);
//! and from logs of functions.

mod cloudfront;
mod cloudwatch;
mod elb;
mod formats;
mod lambda;

pub use cloudfront::{CloudFrontRealtime, CloudFrontStandard, InvalidColumns};
pub use cloudwatch::CloudWatchLogs;
pub use elb::LoadBalancerAccess;
pub(crate) use formats::FORMATS;
pub use lambda::{LambdaLines, LambdaLog};
