//! The words of a change request: its type, its state, and what the approvers said.

use crate::settings::ChangeType;

/// `change_request.type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Assessed and authorised.
    Normal,
    /// Approved beforehand.
    Standard,
    /// Authorised without assessment.
    Emergency,
    /// An instance's own; treated as a normal one.
    Other(String),
}

impl Kind {
    /// Reads ServiceNow's value.
    pub fn parse(value: &str) -> Self {
        match value {
            "normal" => Self::Normal,
            "standard" => Self::Standard,
            "emergency" => Self::Emergency,
            other => Self::Other(other.into()),
        }
    }

    /// ServiceNow's value.
    pub fn value(&self) -> &str {
        match self {
            Self::Normal => "normal",
            Self::Standard => "standard",
            Self::Emergency => "emergency",
            Self::Other(value) => value,
        }
    }
}

impl From<ChangeType> for Kind {
    fn from(kind: ChangeType) -> Self {
        Self::parse(kind.value())
    }
}

/// `change_request.state`, by value: labels are translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// -5
    New,
    /// -4
    Assess,
    /// -3
    Authorize,
    /// -2
    Scheduled,
    /// -1
    Implement,
    /// 0
    Review,
    /// 3
    Closed,
    /// 4
    Canceled,
    /// An instance's own.
    Other(String),
}

impl State {
    /// Reads ServiceNow's value.
    pub fn parse(value: &str) -> Self {
        match value {
            "-5" => Self::New,
            "-4" => Self::Assess,
            "-3" => Self::Authorize,
            "-2" => Self::Scheduled,
            "-1" => Self::Implement,
            "0" => Self::Review,
            "3" => Self::Closed,
            "4" => Self::Canceled,
            other => Self::Other(other.into()),
        }
    }

    /// ServiceNow's value.
    pub fn value(&self) -> &str {
        match self {
            Self::New => "-5",
            Self::Assess => "-4",
            Self::Authorize => "-3",
            Self::Scheduled => "-2",
            Self::Implement => "-1",
            Self::Review => "0",
            Self::Closed => "3",
            Self::Canceled => "4",
            Self::Other(value) => value,
        }
    }

    /// As people know it.
    pub fn label(&self) -> &str {
        match self {
            Self::New => "New",
            Self::Assess => "Assess",
            Self::Authorize => "Authorize",
            Self::Scheduled => "Scheduled",
            Self::Implement => "Implement",
            Self::Review => "Review",
            Self::Closed => "Closed",
            Self::Canceled => "Canceled",
            Self::Other(value) => value,
        }
    }

    /// Work may be under way in it, once approved.
    pub fn allows_work(&self) -> bool {
        matches!(self, Self::Scheduled | Self::Implement)
    }

    /// Its work is over.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Review | Self::Closed | Self::Canceled)
    }
}

/// `change_request.approval`: what the approvers said, all in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nobody was asked yet.
    NotRequested,
    /// Somebody has yet to answer.
    Requested,
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// `cancelled`, `duplicate`, `not_required`, or an instance's own.
    Other(String),
}

impl Answer {
    /// Reads ServiceNow's value. `not requested` has a space in it.
    pub fn parse(value: &str) -> Self {
        match value {
            "not requested" => Self::NotRequested,
            "requested" => Self::Requested,
            "approved" => Self::Approved,
            "rejected" => Self::Rejected,
            other => Self::Other(other.into()),
        }
    }

    /// ServiceNow's value.
    pub fn value(&self) -> &str {
        match self {
            Self::NotRequested => "not requested",
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Other(value) => value,
        }
    }
}
