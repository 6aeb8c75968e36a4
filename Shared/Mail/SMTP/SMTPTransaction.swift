/// What is said to a server to hand over one message, and what its answers mean.
enum SMTPTransaction {
    /// MAIL and RCPT commands; throws what this server can't do for this message.
    static func commands(
        _ envelope: SMTPEnvelope, _ message: [UInt8], _ offered: SMTPExtensions
    ) throws(SMTPError) -> [String] {
        guard !envelope.to.isEmpty else { throw SMTPError(.invalidMessage, .mail, "There is no recipient.") }
        guard hasCanonicalLines(message) else {
            // A bare CR or LF ends a line for some servers and not for others: what follows could be taken for commands.
            throw SMTPError(.invalidMessage, .mail, "A line of the message does not end with CRLF, or is too long.")
        }
        let addresses = envelope.to + (envelope.from.map { [$0] } ?? [])
        let needsUTF8 = addresses.contains(where: \.needsSMTPUTF8)
        let has8Bit = message.contains { $0 >= 0x80 }
        if needsUTF8, !offered.smtpUTF8 {
            throw SMTPError(.unsupported, .mail, "The server does not take addresses beyond ASCII (SMTPUTF8).")
        }
        if has8Bit, !offered.eightBitMIME {
            throw SMTPError(.unsupported, .mail, "The server does not take messages of 8 bits (8BITMIME).")
        }
        if let max = offered.sizeMax, message.count > max {
            throw SMTPError(.unsupported, .mail, "The message has \(message.count) octets, the server takes \(max).")
        }

        func path(_ address: EmailAddress) -> String { needsUTF8 ? address.text : address.asciiDomainText }
        var mail = "MAIL FROM:<\(envelope.from.map(path) ?? "")>"
        if offered.sizeMax != nil { mail += " SIZE=\(message.count)" }
        if has8Bit { mail += " BODY=8BITMIME" }
        if needsUTF8 || (has8Bit && offered.smtpUTF8) { mail += " SMTPUTF8" }
        if offered.dsn, let id = envelope.id { mail += " RET=HDRS ENVID=\(XText.encode(String(id.prefix(60))))" }
        let notify = offered.dsn && envelope.id != nil ? " NOTIFY=FAILURE,DELAY" : ""
        return [mail] + envelope.to.map { "RCPT TO:<\(path($0))>\(notify)" }
    }

    struct Verdict {
        var accepted: [EmailAddress] = []
        var refused: [(address: EmailAddress, reply: SMTPReply)] = []
        /// Why the message can't be sent.
        var error: SMTPError?
        /// The server waits for a message nevertheless.
        var mustEndEmpty = false
    }

    /// What the answers to MAIL, the RCPTs and DATA say together. There are fewer if the connection broke or nothing was left to ask.
    static func verdict(_ envelope: SMTPEnvelope, _ answers: [SMTPReply]) -> Verdict {
        var verdict = Verdict()
        let data = answers.count == envelope.to.count + 2 ? answers.last : nil
        for (address, reply) in zip(envelope.to, answers.dropFirst()) {
            if reply.isPositive {
                verdict.accepted.append(address)
            } else {
                verdict.refused.append((address, reply))
            }
        }
        if let mail = answers.first, !mail.isPositive {
            verdict.error = .refused(.mail, mail)
        } else if verdict.accepted.isEmpty {
            // One that may work later keeps the message alive.
            let reason = verdict.refused.first { $0.reply.isTransient } ?? verdict.refused.first
            verdict.error =
                reason.map { .refused(.recipient, $0.reply) }
                ?? SMTPError(.connectionLost, .recipient, "The connection broke.")
        } else if let data, data.code != 354 {
            verdict.error = .refused(.data, data)
        } else if data == nil {
            verdict.error = SMTPError(.connectionLost, .data, "The connection broke.")
        }
        verdict.mustEndEmpty = verdict.error != nil && data?.code == 354
        return verdict
    }

    /// Lines end with CRLF and have at most 998 octets (RFC 5321, sections 2.3.8 and 4.5.3.1.6).
    static func hasCanonicalLines(_ message: [UInt8]) -> Bool {
        var length = 0
        var wasReturn = false
        for byte in message {
            switch byte {
            case 0x0A:
                guard wasReturn else { return false }
                length = 0
            case _ where wasReturn: return false
            case 0x0D: break
            default: length += 1
            }
            guard length <= 998 else { return false }
            wasReturn = byte == 0x0D
        }
        return !wasReturn
    }

    /// The message with a dot before each line that begins with one (RFC 5321, section 4.5.2), and the line that ends it.
    static func stuffed(_ message: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(message.count + message.count / 64 + 5)
        var isAtStart = true
        for byte in message {
            if isAtStart, byte == 0x2E { output.append(0x2E) }
            output.append(byte)
            isAtStart = byte == 0x0A
        }
        if !isAtStart { output += [0x0D, 0x0A] }
        return output + [0x2E, 0x0D, 0x0A]
    }
}
