/// The list to which a new event is added, by the service that owns it.
extension EventCatalog {
    public static let types: [any Event.Type] =
        tickets + gateway + routing + sla + notifications + knowledge + channels + surveys + crm + field + files
        + integrations

    private static let tickets: [any Event.Type] = [
        TicketApprovalGranted.self,
        TicketApprovalRejected.self,
        TicketApprovalRequested.self,
        TicketAssigned.self,
        TicketClosed.self,
        TicketCreated.self,
        TicketCustomerReplied.self,
        TicketDeleted.self,
        TicketEscalated.self,
        TicketInternalNoteAdded.self,
        TicketMerged.self,
        TicketMessageAdded.self,
        TicketParticipantAdded.self,
        TicketParticipantRemoved.self,
        TicketPriorityChanged.self,
        TicketQueueChanged.self,
        TicketReopened.self,
        TicketResponseStateChanged.self,
        TicketRestored.self,
        TicketSplit.self,
        TicketStatusChanged.self,
        TicketTagsChanged.self,
        TicketTimeEntryAdded.self,
        TicketUnassigned.self,
        TicketUpdated.self,
    ]

    private static let gateway: [any Event.Type] = [
        ApiKeyCreated.self,
        ApiKeyRevoked.self,
        GroupCreated.self,
        GroupDeleted.self,
        GroupUpdated.self,
        OrganizationCreated.self,
        OrganizationUpdated.self,
        SessionCreated.self,
        SessionRevoked.self,
        UserCreated.self,
        UserDeactivated.self,
        UserLoggedIn.self,
        UserLoginFailed.self,
        UserUpdated.self,
    ]

    private static let routing: [any Event.Type] = [
        AgentAvailabilityChanged.self,
        AgentCapacityThresholdReached.self,
        RoutingDecisionFailed.self,
        RoutingDecisionMade.self,
        RoutingDecisionRejected.self,
        RoutingQueueEntryCreated.self,
        RoutingQueueEntryRemoved.self,
    ]

    private static let sla: [any Event.Type] = [
        TicketSlaStageBreached.self,
        TicketSlaStageCancelled.self,
        TicketSlaStageEntered.self,
        TicketSlaStageEscalated.self,
        TicketSlaStageMet.self,
        TicketSlaStagePaused.self,
        TicketSlaStageResumed.self,
        TicketSlaStageRetargeted.self,
        TicketSlaStageWarning.self,
    ]

    private static let notifications: [any Event.Type] = [
        EmailBounced.self,
        EmailComplaintReceived.self,
        EmailDelivered.self,
        EmailUnsubscribed.self,
        NotificationDelivered.self,
        NotificationFailed.self,
        NotificationRead.self,
        NotificationSent.self,
        OutboundEmailFailed.self,
        OutboundEmailQueued.self,
        OutboundEmailSent.self,
    ]

    private static let channels: [any Event.Type] = [
        EmailProviderConnected.self,
        EmailProviderDisconnected.self,
        InboundEmailReceived.self,
        InboundEmailReplyReceived.self,
    ]

    private static let surveys: [any Event.Type] = [
        CsatAlertTriggered.self,
        SurveyExpired.self,
        SurveyReminderSent.self,
        SurveyResponseReceived.self,
        SurveySent.self,
    ]

    private static let crm: [any Event.Type] = [
        AssetAssigned.self,
        AssetCreated.self,
        AssetUnassigned.self,
        AssetUpdated.self,
        AssetWarrantyExpiring.self,
        ClientArchived.self,
        ClientCreated.self,
        ClientMerged.self,
        ClientOwnerAssigned.self,
        ClientStatusChanged.self,
        ClientUpdated.self,
        CompanyCreated.self,
        CompanyUpdated.self,
        ContactArchived.self,
        ContactCreated.self,
        ContactMerged.self,
        ContactPrimarySet.self,
        ContactUpdated.self,
        InteractionLogged.self,
        NoteCreated.self,
        TagApplied.self,
        TagDefinitionCreated.self,
        TagDefinitionUpdated.self,
        TagRemoved.self,
    ]

    private static let field: [any Event.Type] = [
        AppointmentAssigned.self,
        AppointmentCanceled.self,
        AppointmentCompleted.self,
        AppointmentCreated.self,
        AppointmentNoShow.self,
        AppointmentRescheduled.self,
        CapacityThresholdReached.self,
        ContractCreated.self,
        ContractRenewalUpcoming.self,
        ContractStatusChanged.self,
        ContractUpdated.self,
        CreditNoteApplied.self,
        CreditNoteCreated.self,
        CreditNoteVoided.self,
        InvoiceDueDateChanged.self,
        InvoiceFinalized.self,
        InvoiceGenerated.self,
        InvoiceOverdue.self,
        InvoiceSent.self,
        InvoiceStatusChanged.self,
        InvoiceWrittenOff.self,
        PaymentApplied.self,
        PaymentFailed.self,
        PaymentRecorded.self,
        PaymentRefunded.self,
        ProjectApprovalGranted.self,
        ProjectApprovalRejected.self,
        ProjectApprovalRequested.self,
        ProjectCreated.self,
        ProjectStatusChanged.self,
        ProjectTaskAssigned.self,
        ProjectTaskCompleted.self,
        ProjectTaskCreated.self,
        ProjectTaskDependencyBlocked.self,
        ProjectTaskDependencyUnblocked.self,
        ProjectTaskStatusChanged.self,
        ProjectUpdated.self,
        RecurringBillingRunCompleted.self,
        RecurringBillingRunFailed.self,
        RecurringBillingRunStarted.self,
        ScheduleBlockCreated.self,
        ScheduleBlockDeleted.self,
        TechnicianArrived.self,
        TechnicianCheckedOut.self,
        TechnicianDispatched.self,
        TechnicianEnRoute.self,
    ]

    private static let files: [any Event.Type] = [
        DocumentAssociated.self,
        DocumentDeleted.self,
        DocumentDetached.self,
        DocumentGenerated.self,
        DocumentSignatureExpired.self,
        DocumentSignatureRequested.self,
        DocumentSigned.self,
        DocumentUploaded.self,
        FileUploaded.self,
        MediaProcessingFailed.self,
        MediaProcessingSucceeded.self,
    ]

    private static let knowledge: [any Event.Type] = [
        KbArticleArchived.self,
        KbArticleLinked.self,
        KbArticlePublished.self,
    ]

    private static let integrations: [any Event.Type] = [
        ExternalMappingChanged.self,
        IntegrationConnected.self,
        IntegrationDisconnected.self,
        IntegrationSyncCompleted.self,
        IntegrationSyncFailed.self,
        IntegrationSyncStarted.self,
        IntegrationTokenExpiring.self,
        IntegrationTokenRefreshFailed.self,
        IntegrationWebhookReceived.self,
    ]
}
