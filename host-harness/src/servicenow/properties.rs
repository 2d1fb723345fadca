//! The instance's switches: system properties where ServiceNow has one, and a switch of our own for each behaviour that
//! differs between instances or that nobody has written down. The defaults are a new instance's.

use jiff::SignedDuration;

/// What differs from one instance to another. Every field is a switch; [`Properties::default`] is a new instance.
#[derive(Debug, Clone)]
pub struct Properties {
    /// `glide.rest.table_api.admin_only_sys_fields`: only `admin` may set `sys_id` and the other `sys_` columns; what
    /// others send is dropped without a word. `false` on a new instance.
    pub admin_only_sys_fields: bool,
    /// `glide.invalid_query.returns_no_rows`: a query with an unknown term answers nothing, instead of everything that
    /// the rest of it allows. `false` on a new instance.
    pub invalid_query_returns_no_rows: bool,
    /// `glide.rest.choice.allow_non_existing_value`: a value that is no choice is kept, instead of emptied. `false` on
    /// a new instance.
    pub allow_non_existing_choice_value: bool,
    /// `glide.rest.max_content_length`, in bytes: 10 MB on a new instance.
    pub max_content_length: usize,
    /// `com.glide.attachment.max_size`, in bytes: 1024 MB on a new instance.
    pub attachment_max_size: usize,
    /// `glide.attachment.extensions`: the extensions that may be attached; empty means all.
    pub attachment_extensions: Vec<String>,
    /// `glide.oauth.inbound.client.credential.grant_type.enabled`. Absent, so off, on a new instance; on here, since an
    /// instance that integrations talk to has it.
    pub client_credentials_grant: bool,
    /// How long an access token is good for: 1800 s unless its registry entry says otherwise.
    pub access_token_lifetime: SignedDuration,
    /// How long a refresh token is good for: 100 days unless its registry entry says otherwise.
    pub refresh_token_lifetime: SignedDuration,
    /// `com.snc.change_management.enforce_data_requirements`: what a state requires (group, close code and notes) holds
    /// for REST too. `true` on a new instance.
    pub enforce_data_requirements: bool,
    /// New change requests get the model of their type. `true` on instances born since Quebec; an older one checks
    /// transitions by its state model scripts and lets a new record start elsewhere than in New.
    pub change_models: bool,
    /// The rule *Change Model: Check State Transition* refuses every state written through REST, as some report.
    pub model_refuses_state_writes: bool,
    /// Planned dates are required before Scheduled. Not documented for REST.
    pub planned_dates_required: bool,
    /// Affected CIs can be changed only while the change is in New. Not documented for REST.
    pub affected_cis_locked: bool,
    /// Writing the state that a change is in already is an error of the Change Management API. Seen once, in Octopus
    /// Deploy's issue 9545; on by default, since it is the stricter reading.
    pub repeated_state_refused: bool,
    /// A change's flows (approvals created, states advanced) run after the reply, so that it shows what was before
    /// them. `true` on an instance; with `false` they run before it.
    pub flows_after_reply: bool,
    /// Text longer than a column of at most 255 is cut. The platform's habit; not documented for the Table API. With
    /// `false` it is refused.
    pub truncate_long_text: bool,
    /// Comparing text ignores case, as the usual collation does. Not documented; off by default.
    pub case_insensitive_queries: bool,
    /// Asking by a column that the caller may not read is refused with 403 (newer instances), instead of dropped.
    pub query_acls: bool,
    /// A path that nothing serves is answered with 404 instead of 400.
    pub unknown_uri_is_not_found: bool,
    /// `POST /change/standard/{template}` answers with an array of one. Both have been seen.
    pub standard_change_in_array: bool,
    /// `PATCH /change/{id}/risk` answers without `result`, as the documentation's sample does.
    pub risk_without_result: bool,
    /// Attaching a file touches the record's `sys_updated_on`. Not documented.
    pub attachment_touches_record: bool,
    /// How many times a worker is read before it is done.
    pub worker_reads_until_done: u32,
    /// The type of a change that names neither type nor model. "Subject to change by release".
    pub default_change_type: String,
    /// Message and detail of a change's approval by somebody who has none pending. The code, 400, is documented.
    pub no_pending_approval_message: String,
    /// `operation` of an item that identification and reconciliation refused.
    pub failed_item_operation: String,
    /// The HTTP status for a `sysparm_data_source` that is no choice: 200 with errors, or 400.
    pub bad_data_source_status: u16,
    /// `change.conflict.next_available.schedule_window`, in days.
    pub schedule_window_days: i64,
    /// The instance's own time zone, for those who have none.
    pub time_zone: String,
    /// An `error` without `detail` leaves the key out, as some releases do, instead of `null`.
    pub omit_null_detail: bool,
    /// Creation of an incident needs these columns, as a customer's data policy may.
    pub incident_mandatory: Vec<String>,
    /// How many requests of one user may be in hand at once (`API_INT` semaphores); more are refused with 429.
    pub api_semaphores: Option<usize>,
    /// Items that one batch serves before the rest is left unserviced (its time is 30 s on an instance).
    pub batch_items: usize,
}

impl Default for Properties {
    fn default() -> Self {
        Properties {
            admin_only_sys_fields: false,
            invalid_query_returns_no_rows: false,
            allow_non_existing_choice_value: false,
            max_content_length: 10 * 1024 * 1024,
            attachment_max_size: 1024 * 1024 * 1024,
            attachment_extensions: Vec::new(),
            client_credentials_grant: true,
            access_token_lifetime: SignedDuration::from_secs(1800),
            refresh_token_lifetime: SignedDuration::from_secs(8_640_000),
            enforce_data_requirements: true,
            change_models: true,
            model_refuses_state_writes: false,
            planned_dates_required: false,
            affected_cis_locked: false,
            repeated_state_refused: true,
            flows_after_reply: true,
            truncate_long_text: true,
            case_insensitive_queries: false,
            query_acls: false,
            unknown_uri_is_not_found: false,
            standard_change_in_array: false,
            risk_without_result: false,
            attachment_touches_record: false,
            worker_reads_until_done: 1,
            default_change_type: "normal".into(),
            no_pending_approval_message: "User does not have authority to approve or reject the change request".into(),
            failed_item_operation: "NO_CHANGE".into(),
            bad_data_source_status: 200,
            schedule_window_days: 90,
            time_zone: "UTC".into(),
            omit_null_detail: false,
            incident_mandatory: Vec::new(),
            api_semaphores: None,
            batch_items: 1000,
        }
    }
}
