import Foundation
import TestKit
import Testing

@testable import Knowledge

/// Whole pictures of 3 by 2 pixels.
enum SampleImage: String, CaseIterable, Sendable {
    case png, gif, jpeg, progressiveJPEG, greyJPEG, lossyWebP, losslessWebP, transparentWebP

    var format: ImageFile.Format {
        switch self {
        case .png: .png
        case .gif: .gif
        case .jpeg, .progressiveJPEG, .greyJPEG: .jpeg
        case .lossyWebP, .losslessWebP, .transparentWebP: .webp
        }
    }

    var bytes: [UInt8] {
        let table = String(repeating: "/", count: 86)
        let text =
            switch self {
            case .png:
                "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGP8zwAFTDAGAwATKQED8NgHhAAAAABJRU5ErkJggg=="
            case .gif: "R0lGODdhAwACAIEAAP8AAAAAAAAAAAAAACwAAAAAAwACAAAIBgABCBwYEAA7"
            case .jpeg:
                "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP\(table)2wBDAf\(table)wAARCAACAAMDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAA"
                    + "AAAAAAL/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAQP/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMB"
                    + "AAIRAxEAPwCQAo//2Q=="
            case .progressiveJPEG:
                "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP\(table)wgALCAACAAMBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAv/aAAgBAQAAAAE//8QA"
                    + "FBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABBQJ//8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQAGPwJ//8QAFBABAAAAAAAAAAAA"
                    + "AAAAAAAAAP/aAAgBAQABPyF//9oACAEBAAAAEH//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/EH//2Q=="
            case .greyJPEG:
                "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP\(table)wAALCAACAAMBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAA"
                    + "AAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z"
            case .lossyWebP:
                "UklGRjIAAABXRUJQVlA4ICYAAABwAQCdASoDAAIADMDOJaACdAFAAAD+3FHSXS5Df6u/O36ntgAAAA=="
            case .losslessWebP: "UklGRhwAAABXRUJQVlA4TA8AAAAvAkAAAAcQ/Y/+ByKi/wEA"
            case .transparentWebP:
                "UklGRlQAAABXRUJQVlA4WAoAAAAQAAAAAgAAAQAAQUxQSAcAAAAAgICAgICAAFZQOCAmAAAAcAEAnQEqAwACAAzAziWgAnQBQAAA/txR"
                    + "0l0uQ3+rvzt+p7YAAAA="
            }
        return Array(Data(base64Encoded: text)!)
    }

    /// The PNG with another size in its header, and thereby another file.
    static func png(_ width: UInt32, _ height: UInt32) -> [UInt8] {
        var bytes = SampleImage.png.bytes
        for (offset, side) in [(16, width), (20, height)] {
            for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: side >> (24 - 8 * index)) }
        }
        return bytes
    }
}

@Suite("A picture's file")
struct ImageFileTests {
    @Test("says what it is and how large", arguments: SampleImage.allCases)
    func sizes(sample: SampleImage) throws {
        let file = try ImageFile(sample.bytes)
        #expect(file.format == sample.format && file.width == 3 && file.height == 2)
    }

    @Test(
        "of the largest size is taken",
        arguments: [(16_384, 1), (1, 16_384), (10_000, 5_000)] as [(UInt32, UInt32)])
    func largest(width: UInt32, height: UInt32) throws {
        let file = try ImageFile(SampleImage.png(width, height))
        #expect(file.width == Int(width) && file.height == Int(height))
    }

    static let refused: [([UInt8], ImageFile.Refusal)] = [
        ([], .empty), (Array("<svg xmlns=\"http://www.w3.org/2000/svg\"/>".utf8), .unknownFormat),
        (Array("<!DOCTYPE html><script>alert(1)</script>".utf8), .unknownFormat), (Array("BM".utf8), .unknownFormat),
        (Array("GIF88a".utf8), .unknownFormat), (Array(SampleImage.png.bytes.prefix(7)), .unknownFormat),
        (Array("RIFF....WAVEfmt ".utf8), .unknownFormat), ([0xFF, 0xD8], .unknownFormat),
        (Array(SampleImage.png.bytes.prefix(32)), .truncated), (Array(SampleImage.gif.bytes.prefix(12)), .truncated),
        (Array(SampleImage.jpeg.bytes.prefix(100)), .truncated),
        (Array(SampleImage.lossyWebP.bytes.prefix(29)), .truncated),
        (Array(SampleImage.losslessWebP.bytes.prefix(24)), .truncated),
        (Array(SampleImage.transparentWebP.bytes.prefix(29)), .truncated),
        (Array("RIFF....WEBPVP9 ....................".utf8), .malformed),
        ([0xFF, 0xD8, 0xFF, 0xDA, 0, 8], .malformed), ([0xFF, 0xD8, 0xFF, 0xD9], .malformed),
        ([0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 0xFF], .malformed), ([0xFF, 0xD8, 0xFF, 0xE0, 0, 2, 0x00], .malformed),
        (Array(SampleImage.png.bytes.prefix(8)) + [UInt8](repeating: 0, count: 40), .malformed),
        (SampleImage.png(0, 2), .dimensions(width: 0, height: 2)),
        (SampleImage.png(16_385, 1), .dimensions(width: 16_385, height: 1)),
        (SampleImage.png(1, .max), .dimensions(width: 1, height: 4_294_967_295)),
        (SampleImage.png(10_000, 5_001), .dimensions(width: 10_000, height: 5_001)),
    ]

    @Test("that is none, or too large, is refused for what is wrong with it", arguments: refused)
    func refusals(bytes: [UInt8], refusal: ImageFile.Refusal) {
        #expect(throws: refusal) { try ImageFile(bytes) }
    }

    @Test("cut off or damaged anywhere, is taken within bounds or refused", arguments: SampleImage.allCases)
    func damaged(sample: SampleImage) {
        var generator = SeededGenerator(seed: UInt64(sample.bytes.count))
        let whole = sample.bytes
        var files = (0..<whole.count).map { Array(whole.prefix($0)) }
        for _ in 0..<3_000 {
            var bytes = Array(whole.prefix(Int.random(in: 1...whole.count, using: &generator)))
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let value: UInt8 = Bool.random(using: &generator) ? .random(in: 0...255, using: &generator) : 0xFF
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = value
            }
            files.append(bytes)
        }
        for file in files {
            guard let image = try? ImageFile(file) else { continue }
            #expect((1...16_384).contains(image.width) && (1...16_384).contains(image.height))
            #expect(image.width * image.height <= 50_000_000)
        }
    }
}
