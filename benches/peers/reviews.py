"""The texts of the text-vectorize bench: python reviews.py aclImdb_labelled.tar.gz OUT writes the reviews for training, one a line."""
import sys
import tarfile

source, target = sys.argv[1:]
with tarfile.open(source) as archive, open(target, "w", encoding="utf-8") as out:
    for member in archive:
        if "/train/" in member.name and member.isfile():
            text = archive.extractfile(member).read().decode("utf-8")
            out.write(" ".join(text.replace("<br />", " ").split()) + "\n")
