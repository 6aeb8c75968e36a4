// What a picture's file says of itself.
import Web

/// The kind and the size of a picture, read from the first bytes of its file. Its content is nobody's business but that of the
/// program that shows it: nothing here decodes it.
struct ImageFile: Equatable, Sendable {
    /// Kinds that browsers show and that hold no script, by media type.
    enum Format: String, CaseIterable, Sendable {
        case png = "image/png"
        case jpeg = "image/jpeg"
        case gif = "image/gif"
        case webp = "image/webp"
    }

    /// Why a file is not taken.
    enum Refusal: Error, Equatable {
        case empty
        case unknownFormat
        case truncated
        case malformed
        case dimensions(width: Int, height: Int)
    }

    let format: Format
    let width: Int
    let height: Int

    static let bytesMax = 5 << 20
    /// Pixels of a side; WebP and what shows pictures know no more.
    static let sideMax = 16_384
    /// In all: a small file may stand for a picture that fills the memory of whoever looks at it.
    static let pixelsMax = 50_000_000

    init(_ bytes: [UInt8]) throws(Refusal) {
        guard !bytes.isEmpty else { throw .empty }
        let header = ImageHeader(bytes: bytes)
        guard let format = header.format else { throw .unknownFormat }
        let (width, height) =
            switch format {
            case .png: try header.sizeOfPNG()
            case .jpeg: try header.sizeOfJPEG()
            case .gif: try header.sizeOfGIF()
            case .webp: try header.sizeOfWebP()
            }
        let sides = 1...Self.sideMax
        guard sides.contains(width), sides.contains(height), width * height <= Self.pixelsMax else {
            throw .dimensions(width: width, height: height)
        }
        self.format = format
        self.width = width
        self.height = height
    }

    /// The same, with a 422 for what is not taken.
    static func checked(_ bytes: [UInt8]) throws(Problem) -> ImageFile {
        do throws(Refusal) {
            return try ImageFile(bytes)
        } catch {
            throw .invalid([error.fault])
        }
    }
}

extension ImageFile.Refusal {
    fileprivate var fault: Fault {
        let place = Fault.Place.pointer("")
        let formats = ImageFile.Format.allCases.map(\.rawValue)
        return switch self {
        case .empty: Fault(place, "empty", "The body is the picture's file.", allowed: formats)
        case .unknownFormat:
            Fault(place, "unknown_format", "By its first bytes the file is none of these.", allowed: formats)
        case .truncated: Fault(place, "truncated", "The file ends before it says how large the picture is.")
        case .malformed: Fault(place, "malformed", "The file does not say how large the picture is.")
        case .dimensions(let width, let height):
            Fault(
                place, "dimensions",
                """
                It is \(width) by \(height) pixels. A side has 1 to \(ImageFile.sideMax), and all of it at most \
                \(ImageFile.pixelsMax).
                """)
        }
    }
}

/// The beginning of a file, as its format's specification lays it out.
private struct ImageHeader {
    let bytes: [UInt8]

    typealias Size = (width: Int, height: Int)
    typealias Refusal = ImageFile.Refusal

    var format: ImageFile.Format? {
        if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if begins([0xFF, 0xD8, 0xFF]) { return .jpeg }
        if begins(Array("GIF87a".utf8)) || begins(Array("GIF89a".utf8)) { return .gif }
        if begins(Array("RIFF".utf8)), begins(Array("WEBP".utf8), at: 8) { return .webp }
        return nil
    }

    private func begins(_ text: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text) }

    private func byte(_ offset: Int) throws(Refusal) -> Int {
        guard offset < bytes.count else { throw .truncated }
        return Int(bytes[offset])
    }

    private func bigEndian(_ offset: Int, _ count: Int) throws(Refusal) -> Int {
        var value = 0
        for index in 0..<count { value = value << 8 | (try byte(offset + index)) }
        return value
    }

    private func littleEndian(_ offset: Int, _ count: Int) throws(Refusal) -> Int {
        var value = 0
        for index in 0..<count { value |= (try byte(offset + index)) << (8 * index) }
        return value
    }

    /// PNG (Third Edition), 11.2.1: the first chunk is IHDR, of 13 bytes, with width and height in front.
    func sizeOfPNG() throws(Refusal) -> Size {
        _ = try byte(32)
        guard try bigEndian(8, 4) == 13, begins(Array("IHDR".utf8), at: 12) else { throw .malformed }
        return (try bigEndian(16, 4), try bigEndian(20, 4))
    }

    /// GIF89a, 18: the logical screen descriptor.
    func sizeOfGIF() throws(Refusal) -> Size {
        _ = try byte(12)
        return (try littleEndian(6, 2), try littleEndian(8, 2))
    }

    /// RFC 9649: a lossy, a lossless or an extended file, by its first chunk.
    func sizeOfWebP() throws(Refusal) -> Size {
        let chunk = 20
        _ = try byte(chunk)
        if begins(Array("VP8 ".utf8), at: 12) {
            // RFC 6386, 9.1: a tag of 3 bytes, a start code, 14 bits each.
            guard try bigEndian(chunk + 3, 3) == 0x9D012A else { throw .malformed }
            return (try littleEndian(chunk + 6, 2) & 0x3FFF, try littleEndian(chunk + 8, 2) & 0x3FFF)
        }
        if begins(Array("VP8L".utf8), at: 12) {
            guard try byte(chunk) == 0x2F else { throw .malformed }
            let bits = try littleEndian(chunk + 1, 4)
            return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        }
        if begins(Array("VP8X".utf8), at: 12) {
            return (try littleEndian(chunk + 4, 3) + 1, try littleEndian(chunk + 7, 3) + 1)
        }
        throw .malformed
    }

    /// ITU-T T.81, B.2: segments up to the frame's header, whatever cameras and programs put between.
    func sizeOfJPEG() throws(Refusal) -> Size {
        var offset = 2
        while true {
            guard try byte(offset) == 0xFF else { throw .malformed }
            // Any number of these may stand before a marker.
            while try byte(offset + 1) == 0xFF { offset += 1 }
            let marker = try byte(offset + 1)
            offset += 2
            switch marker {
            case 0x01, 0xD0...0xD7:
                // Markers without a segment.
                continue
            case 0x00, 0xD8...0xDA:
                // The picture's data before its size, or another picture.
                throw .malformed
            case 0xC0...0xCF where marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
                return (try bigEndian(offset + 5, 2), try bigEndian(offset + 3, 2))
            default:
                let length = try bigEndian(offset, 2)
                guard length >= 2 else { throw .malformed }
                offset += length
            }
        }
    }
}
