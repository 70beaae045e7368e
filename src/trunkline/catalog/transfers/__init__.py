"""Whole catalogues in and out: TM Forum's import and export jobs (TMF620, 633, 634).

A job names a URL. An import fetches it and puts what it finds into the catalogue, all or
nothing; an export sends what the catalogue holds there. The file is JSON: an object that holds a
list for each collection (`{"productOffering": [...]}`), or, for a job whose `path` names one
collection, that list. An entry whose id is there replaces what was there, so that an export
imported again changes nothing.
"""
