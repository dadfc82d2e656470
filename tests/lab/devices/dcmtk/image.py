"""Writes an image as a scanner would send it, of nobody."""

import sys

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

meta = FileMetaDataset()
meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
meta.MediaStorageSOPInstanceUID = generate_uid()
meta.TransferSyntaxUID = ExplicitVRLittleEndian
image = Dataset()
image.file_meta = meta
image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
image.PatientID, image.PatientName, image.Modality = "LABTEST1", "TEST^LAB", "CT"
image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
image.Manufacturer, image.ManufacturerModelName = "GE MEDICAL SYSTEMS", "Revolution CT"
image.DeviceSerialNumber, image.SoftwareVersions = "SN-77120", "revo_ct_21b.32"
image.StationName, image.InstitutionName = "CT02", "GENERAL HOSPITAL"
image.StudyDate, image.StudyTime, image.StudyID = "20260101", "120000", "1"
image.save_as(sys.argv[1], enforce_file_format=True)
