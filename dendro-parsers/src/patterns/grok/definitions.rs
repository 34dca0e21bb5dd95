//! Patterns beside those of the crate `grok`, which has Logstash's of about 2019: what Logstash has added since, and what it has
//! mended.

/// The definition of a name.
pub(super) fn find(name: &str) -> Option<&'static str> {
    let own = OWN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    own.or_else(|| {
        let known = ::grok::patterns();
        known.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    })
}

/// The names of all.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|(name, _)| *name).chain(::grok::patterns().iter().map(|(name, _)| *name))
}

const OWN: &[(&str, &str)] = &[
    // Apache httpd writes `-` for a status that there is not, and a module may be missing.
    (
        "HTTPD_COMMONLOG",
        r#"%{IPORHOST:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \[%{HTTPDATE:timestamp}\] "(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" (?:-|%{NUMBER:response}) (?:-|%{NUMBER:bytes})"#,
    ),
    (
        "HTTPD24_ERRORLOG",
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[(?:%{WORD:module})?:%{LOGLEVEL:loglevel}\] \[pid %{POSINT:pid}(?::tid %{NUMBER:tid})?\](?: \(%{POSINT:proxy_errorcode}\)%{DATA:proxy_message}:)?(?: \[client %{IPORHOST:clientip}(?::%{POSINT:clientport})?\])?(?: %{DATA:errorcode}:)? %{GREEDYDATA:message}",
    ),
    // Names of methods in stack traces of lambdas, and levels of java.util.logging.
    ("JAVAMETHOD", r"(?:<(?:cl)?init>|[a-zA-Z$_][a-zA-Z$_0-9]*)"),
    ("JAVALOGLEVEL", r"(?:SEVERE|FINER|FINEST|FINE|CONFIG|%{LOGLEVEL})"),
    ("JAVATHREADNAME", r"[^\]]+"),
    // Tomcat 7 and before, Tomcat 8 and later, and a layout of log4j.
    ("CATALINA7_DATESTAMP", r"%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:%{MINUTE}:%{SECOND} (?:AM|PM)"),
    (
        "CATALINA7_LOG",
        r"%{CATALINA7_DATESTAMP:timestamp} %{JAVACLASS:class}(?: %{JAVAMETHOD:method})?\s+(?:%{JAVALOGLEVEL:level}: )?%{JAVALOGMESSAGE:logmessage}",
    ),
    ("CATALINA8_DATESTAMP", r"%{MONTHDAY}-%{MONTH}-%{YEAR} %{HOUR}:%{MINUTE}:%{SECOND}"),
    (
        "CATALINA8_LOG",
        r"%{CATALINA8_DATESTAMP:timestamp} %{JAVALOGLEVEL:level} \[%{JAVATHREADNAME:thread}\] (?:%{JAVACLASS:class}\.%{JAVAMETHOD:method}|%{JAVACLASS:class}\.?) %{JAVALOGMESSAGE:logmessage}",
    ),
    ("CATALINA_DATESTAMP", r"(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP})"),
    ("CATALINALOG", r"(?:%{CATALINA8_LOG}|%{CATALINA7_LOG})"),
    ("TOMCAT7_LOG", r"%{CATALINA7_LOG}"),
    ("TOMCAT8_LOG", r"%{CATALINA8_LOG}"),
    (
        "TOMCATLEGACY_DATESTAMP",
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND}(?: %{ISO8601_TIMEZONE})?",
    ),
    (
        "TOMCATLEGACY_LOG",
        r"%{TOMCATLEGACY_DATESTAMP:timestamp} \| %{JAVALOGLEVEL:level} \| %{JAVACLASS:class} - %{JAVALOGMESSAGE:logmessage}",
    ),
    ("TOMCAT_DATESTAMP", r"(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP}|%{TOMCATLEGACY_DATESTAMP})"),
    ("TOMCATLOG", r"(?:%{CATALINA8_LOG}|%{CATALINA7_LOG}|%{TOMCATLEGACY_LOG})"),
];
