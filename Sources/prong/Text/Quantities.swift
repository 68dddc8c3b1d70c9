// Numbers as people read them: ages, sizes, rates, counts. Pure.

/// `0.4s`, `12s`, `3m 20s`, `5h 10m`, `2d 3h`: two units at most.
func ageText(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "-" }
    if seconds < 10 { return "\(decimal(seconds, places: 1))s" }
    let whole = Int64(min(seconds, 1e12))
    if whole < 60 { return "\(whole)s" }
    if whole < 3600 { return twoUnits(whole, 60, "m", "s", inner: 1) }
    if whole < 86_400 { return twoUnits(whole, 3600, "h", "m", inner: 60) }
    return twoUnits(whole, 86_400, "d", "h", inner: 3600)
}

private func twoUnits(
    _ seconds: Int64,
    _ outer: Int64,
    _ outerName: String,
    _ innerName: String,
    inner: Int64
) -> String {
    let rest = seconds % outer / inner
    let first = "\(seconds / outer)\(outerName)"
    return rest == 0 ? first : "\(first) \(rest)\(innerName)"
}

/// `512 B`, `4.2 KiB`, `12 MiB`: the unit that leaves one to four digits.
func sizeText(bytes: Int64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(max(bytes, 0))
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
        value /= 1024
        unit += 1
    }
    let number = unit == 0 || value >= 100 ? "\(Int64(value))" : decimal(value, places: 1)
    return "\(number) \(units[unit])"
}

/// `17/s`, `0.4/s`, `12.3k/s`.
func rateText(perSecond: Double) -> String {
    guard perSecond.isFinite, perSecond >= 0 else { return "-/s" }
    if perSecond >= 10_000 { return "\(decimal(perSecond / 1000, places: 1))k/s" }
    if perSecond >= 10 { return "\(Int64(perSecond))/s" }
    return "\(decimal(perSecond, places: 1))/s"
}

/// `1 job`, `2 jobs`.
func counted(_ count: Int64, _ singular: String) -> String {
    "\(count) \(singular)\(count == 1 ? "" : "s")"
}

/// A number with exactly so many places after the point, rounded.
func decimal(_ value: Double, places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    guard value.isFinite, value.magnitude * scale < 9e17 else { return "-" }
    let scaled = Int64((value * scale).rounded())
    let whole = scaled / Int64(scale)
    if places == 0 { return "\(whole)" }
    let rest = String((scaled % Int64(scale)).magnitude)
    let sign = scaled < 0 && whole == 0 ? "-" : ""
    return "\(sign)\(whole)."
        + String(repeating: "0", count: max(0, places - rest.count)) + rest
}
