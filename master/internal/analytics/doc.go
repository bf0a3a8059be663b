// Package analytics answers questions about what slaves have reported: who asks how much, how much of it is
// refused, how long answers take, and which accounts look shared.
//
// Numbers come from the rollups that package telemetry keeps current, which are made of whole UTC hours and
// whole UTC days; single requests are never counted. A range is taken apart into days, with hours at its
// ends, so that a month of ten million requests costs some ten thousand small rows. What an answer covers is
// therefore made of whole hours, and it says from when to when: a range that begins within an hour covers
// that hour, and a day of a zone that is off by half an hour begins at the next whole one.
//
// Percentiles are read from histograms, by interpolation within a bucket.
package analytics
